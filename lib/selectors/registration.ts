/** What a selector keeps of a registered descriptor, and the ways of watching it. */
import {
  EVENT_PRIORITY,
  type SelectorKey,
  type SelectorName,
  type WatchOptions,
} from "./selector.ts";
import { UnsupportedModeError } from "./errors.ts";

/** Ways of watching, as bits: what `WatchOptions` asks for, and what a backend has. */
export const EDGE = 1;
export const ONESHOT = 2;
export const EXCLUSIVE = 4;
export const PRIORITY = 8;

/**
 * A registration. It outlives its keys (`modify` replaces them) and ends with `unregister`.
 *
 * @example
 * ```ts
 * import { type Registration, SelectSelector } from "iomux";
 *
 * // A selector that counts what is registered with it.
 * class CountingSelector<T> extends SelectSelector<T> {
 *   added = 0;
 *   protected override add(registration: Registration<T>): void {
 *     super.add(registration);
 *     this.added++;
 *   }
 * }
 * using selector = new CountingSelector<string>();
 * console.log(selector.added); // 0
 * ```
 */
export class Registration<T> {
  /** The watched descriptor. */
  readonly fd: number;
  /** Tells this registration from an earlier or later one of the same descriptor number. */
  readonly generation: number;
  /** EDGE, ONESHOT, EXCLUSIVE and PRIORITY, as far as asked for. */
  readonly modes: number;
  /** False for what the selector registered for itself. */
  readonly visible: boolean;
  /** The current key. */
  key: SelectorKey<T>;
  /** What may be told: the key's events, and EVENT_PRIORITY. */
  mask: number;
  /** False once unregistered: events that were harvested before are then dropped. */
  live: boolean = true;
  /** For the backend: where it keeps this registration, or -1 when it does not watch it (any more). */
  slot: number = -1;
  /** The number of the last wait that told it: see spin_guard.ts. */
  lastWait: number = -1;
  /** How many waits in a row had told it by then. */
  streak: number = 0;

  /** Made by the base only. */
  constructor(key: SelectorKey<T>, generation: number, modes: number, visible: boolean) {
    this.fd = key.fd;
    this.generation = generation;
    this.modes = modes;
    this.visible = visible;
    this.key = key;
    this.mask = maskOf(key, modes);
  }

  /** Replaces the key. */
  rekey(key: SelectorKey<T>): void {
    this.key = key;
    this.mask = maskOf(key, this.modes);
  }
}

const maskOf = <T>(key: SelectorKey<T>, modes: number) =>
  key.events | (modes & PRIORITY ? EVENT_PRIORITY : 0);

const MODES: readonly [keyof WatchOptions, number, who: string][] = [
  ["edge", EDGE, "epoll and kqueue"],
  ["oneshot", ONESHOT, "epoll and kqueue"],
  ["exclusive", EXCLUSIVE, "epoll"],
  ["priority", PRIORITY, "epoll, poll, select and, on macOS, kqueue"],
];

/**
 * The modes that the options ask for, as bits.
 *
 * @throws UnsupportedModeError when one is not among those that the backend has
 * @throws RangeError for a combination that no system has
 */
export function modesOf(
  options: WatchOptions | undefined,
  name: SelectorName,
  has: number,
): number {
  if (options === undefined) return 0;
  let modes = 0;
  for (const [option, bit, who] of MODES) {
    if (!options[option]) continue;
    if (!(has & bit)) {
      throw new UnsupportedModeError(
        `Cannot register with "${option}": ${name} does not have it here; use ${who}`,
      );
    }
    modes |= bit;
  }
  if (modes & EXCLUSIVE && modes & (ONESHOT | PRIORITY)) {
    throw new RangeError('Cannot register: "exclusive" goes with "edge" only (see epoll_ctl(2))');
  }
  return modes;
}
