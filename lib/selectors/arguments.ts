/** The checks of what callers pass in, the same for every backend. */
import {
  checkAmount,
  checkOptionalFlag,
  checkOptions,
  checkSignal,
  textOf,
} from "../sys/arguments.ts";
import { EDGE, EXCLUSIVE, ONESHOT, PRIORITY } from "./backend.ts";
import { UnsupportedModeError } from "./errors.ts";
import {
  EVENT_READ,
  EVENT_WRITE,
  type FileObject,
  type SelectorName,
  type WatchOptions,
} from "./selector.ts";

/** Throws RangeError unless `events` is EVENT_READ, EVENT_WRITE or both. */
export function checkEvents(events: number): void {
  if (events !== EVENT_READ && events !== EVENT_WRITE && events !== (EVENT_READ | EVENT_WRITE)) {
    throw new RangeError(
      `Invalid events: ${textOf(events)}; use EVENT_READ (1), EVENT_WRITE (2) or both (3)`,
    );
  }
}

/** How long to wait in milliseconds: Infinity for ever, 0 not at all. */
export function checkTimeout(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Infinity;
  if (typeof timeoutMs === "number" && timeoutMs <= 0) return 0;
  checkAmount(timeoutMs, "timeout", "milliseconds");
  return timeoutMs;
}

/** The signal among the options of a wait. */
export function signalOf(options: { signal?: AbortSignal } | undefined): AbortSignal | undefined {
  if (options !== undefined) checkOptions(options, ["signal"]);
  return checkSignal(options?.signal);
}

/** The descriptor that a file object has now; negative once it is closed. */
export function filenoOf(fileobj: FileObject): number {
  const object = fileobj as { fileno?: unknown } | null | undefined;
  const fd: unknown = typeof fileobj === "number"
    ? fileobj
    : typeof object?.fileno === "function"
    ? object.fileno()
    : undefined;
  if (typeof fd !== "number") {
    throw new TypeError(`Invalid file object: ${textOf(fileobj)} is no number and has no fileno()`);
  }
  return fd;
}

/** Whether an object has this descriptor still. One that is closed may throw, as Python's files do. */
export function hasDescriptor(fileobj: { fileno(): number }, fd: number): boolean {
  try {
    return fileobj.fileno() === fd;
  } catch {
    return false;
  }
}

/** As `filenoOf`, and throws RangeError when that is no descriptor. */
export function descriptorOf(fileobj: FileObject): number {
  const fd = filenoOf(fileobj);
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) {
    throw new RangeError(`Invalid descriptor: ${fd}; is it closed?`);
  }
  return fd + 0; // no -0, which Deno and Node do not take for an integer of C
}

const MODES: readonly [keyof WatchOptions, number, where: string][] = [
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
  checkOptions(options, MODES.map(([option]) => option));
  let modes = 0;
  for (const [option, bit, where] of MODES) {
    if (!checkOptionalFlag(options[option], option)) continue;
    if (!(has & bit)) {
      throw new UnsupportedModeError(
        `Cannot register with "${option}": ${name} does not have it here; use ${where}`,
      );
    }
    modes |= bit;
  }
  if (modes & EXCLUSIVE && modes & (ONESHOT | PRIORITY)) {
    throw new RangeError('Cannot register: "exclusive" goes with "edge" only (see epoll_ctl(2))');
  }
  return modes;
}
