/**
 * What a backend must provide: everything that differs between epoll, kqueue, poll and select, and
 * nothing else. Deadlines, signals, wake-ups, stale events, the map and the checks of arguments are the
 * base's (base.ts), once for all.
 *
 * A backend keeps its own state: by descriptor, in private fields. It never calls the user's code.
 */
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE, type SelectorKey } from "./selector.ts";

/** Ways of watching, as bits: what `WatchOptions` asks for, and what a backend has. */
export const EDGE = 1;
export const ONESHOT = 2;
export const EXCLUSIVE = 4;
export const PRIORITY = 8;

/** In a registration, all EVENT_* bits, and where its modes stand above them. */
const EVENTS = EVENT_READ | EVENT_WRITE | EVENT_PRIORITY;
const MODES_SHIFT = 3;

/**
 * A watched descriptor. It outlives its keys (`modify` replaces them) and ends with `unregister`. There may
 * be very many: with more than six fields it would take 80 bytes on Bun instead of 64.
 */
export class Registration {
  readonly fd: number;
  /** Tells this registration from an earlier or later one of the same number; 32 bits, wraps. */
  readonly generation: number;
  /** The current key; undefined for what the selector registered for itself. */
  key: SelectorKey<any, any> | undefined;
  /** The number of the last wait that reported it, and of how many in a row: see spin_guard.ts. */
  lastWait: number = -1;
  streak: number = 0;
  /** `modes`, shifted, and `events`; 0 once unregistered. */
  #bits: number;

  constructor(fd: number, generation: number, modes: number, events: number) {
    this.fd = fd;
    this.generation = generation;
    this.#bits = modes << MODES_SHIFT;
    this.events = events;
  }

  /** EDGE, ONESHOT, EXCLUSIVE and PRIORITY, as far as asked for. */
  get modes(): number {
    return this.#bits >> MODES_SHIFT;
  }

  /** What to watch for and what may be reported: EVENT_* bits, EVENT_PRIORITY included. */
  get events(): number {
    return this.#bits & EVENTS;
  }
  set events(events: number) {
    const priority = this.modes & PRIORITY ? EVENT_PRIORITY : 0;
    this.#bits = this.#bits & ~EVENTS | events | priority;
  }

  /** False once unregistered: events that were harvested before are then dropped. */
  get live(): boolean {
    return this.#bits !== 0;
  }

  end(): void {
    this.#bits = 0;
  }
}

/** A backend of a selector: how one system call, or one family of them, watches descriptors. */
export interface Backend {
  /** EDGE, ONESHOT, EXCLUSIVE and PRIORITY, as far as it has them. */
  readonly modes: number;

  /**
   * Begins to watch `registration.fd` for `registration.events`. No other live registration has this
   * number, but an earlier one of a closed descriptor may have left traces in the kernel.
   *
   * @throws OSError EBADF, EPERM and others when the kernel refuses; nothing may be left behind then
   */
  add(registration: Registration): void;

  /**
   * `registration.events` is another number now, or a one-shot is to be armed again.
   *
   * @throws OSError when the kernel refuses; the base calls `remove` then
   */
  change(registration: Registration): void;

  /**
   * Whether the number is closed, or another file's by now, as far as the system tells; it is then watched no
   * longer, at the latest after `recover`. Asked where there is doubt, not with every event. Not needed where a
   * file that is closed can't be reported.
   */
  dropOther?(registration: Registration): boolean;

  /** Stops to watch. The descriptor may be closed, and its number in use again. Never throws. */
  remove(registration: Registration): void;

  /**
   * Blocks for at most `timeoutMs` (Infinity: for ever; 0: not at all; fractions round up), appends what
   * is ready to `ready`, a registration at most once, and returns how many entries the system reported,
   * or -errno. More than were appended means that some belong to no live registration.
   */
  wait(timeoutMs: number, ready: ReadyList): number;

  /** Called after a wait that the system ended without anything to report: removes the cause. */
  recover(): void;

  /**
   * A descriptor that poll(2) finds readable when `wait` would report something; -1 when there is none.
   * Another thread may sit in poll(2) on it.
   */
  readonly pollable: number;

  /** Gives back what it holds. The registered descriptors stay open. */
  close(): void;
}

/**
 * What a wait has found: registrations, each with its EVENT_* bits and the system's own. The memory is
 * used again by every wait: an array that is emptied by its length would give its memory back.
 */
export class ReadyList {
  length = 0;
  readonly #registrations: (Registration | undefined)[] = [];
  readonly #events: number[] = [];
  readonly #raw: number[] = [];
  #taken = 0;

  /** Appends one. `events` may have more bits than were asked for. */
  add(registration: Registration, events: number, raw: number): void {
    const at = this.length++;
    this.#registrations[at] = registration;
    this.#events[at] = events;
    this.#raw[at] = raw;
  }

  registration(index: number): Registration {
    return this.#registrations[index]!;
  }

  events(index: number): number {
    return this.#events[index]!;
  }

  raw(index: number): number {
    return this.#raw[index]!;
  }

  /** The registration of an entry that is about to be reported; the list lets go of it. */
  take(index: number): Registration {
    this.#taken = index + 1;
    const registration = this.#registrations[index]!;
    this.#registrations[index] = undefined;
    return registration;
  }

  /** Sets more bits of an entry. */
  mark(index: number, events: number, raw: number): void {
    this.#events[index]! |= events;
    this.#raw[index]! |= raw;
  }

  /** Where a registration is; -1 when it is not in the list. */
  indexOf(registration: Registration): number {
    const at = this.#registrations.indexOf(registration);
    return at < this.length ? at : -1;
  }

  /** Keeps those that were not taken and pass `test`, in order. */
  keep(test: (registration: Registration) => boolean): void {
    const { length } = this;
    const start = this.#taken;
    this.length = this.#taken = 0;
    for (let i = start; i < length; i++) {
      const registration = this.#registrations[i]!;
      if (test(registration)) this.add(registration, this.#events[i]!, this.#raw[i]!);
    }
    this.#registrations.fill(undefined, this.length, length);
  }

  /** Makes one entry of two for those among the first `count` that were appended once more. */
  merge(count: number): void {
    const { length } = this;
    this.length = count;
    for (let i = count; i < length; i++) {
      const registration = this.#registrations[i]!;
      const at = this.indexOf(registration);
      if (at >= 0) this.mark(at, this.#events[i]!, this.#raw[i]!);
      else this.add(registration, this.#events[i]!, this.#raw[i]!);
    }
    this.#registrations.fill(undefined, this.length, length);
  }

  /** Empties the list, and lets go of what was in it. */
  clear(): void {
    for (let i = 0; i < this.length; i++) this.#registrations[i] = undefined;
    this.length = 0;
  }
}
