/** What callers pass in and look at: the checks of arguments, and the map of keys. */
import type { Registration } from "./registration.ts";
import { EVENT_READ, EVENT_WRITE, type FileObject, type SelectorKey } from "./selector.ts";

/** Throws unless `events` is EVENT_READ, EVENT_WRITE or both. */
export function checkEvents(events: number): void {
  if (events !== EVENT_READ && events !== EVENT_WRITE && events !== (EVENT_READ | EVENT_WRITE)) {
    throw new RangeError(
      `Invalid events: ${events}; use EVENT_READ (1), EVENT_WRITE (2) or both (3)`,
    );
  }
}

/** How long to wait: Infinity for ever, 0 not at all. */
export function checkTimeout(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Infinity;
  // Not only for callers without types: what compares as neither more nor less would wait in a loop.
  if (typeof timeoutMs !== "number") {
    throw new TypeError(`Invalid timeout: ${String(timeoutMs)} is no number of milliseconds`);
  }
  if (Number.isNaN(timeoutMs)) throw new RangeError("Cannot wait: the timeout is NaN");
  return timeoutMs <= 0 ? 0 : timeoutMs;
}

/** The descriptor that a file object has now; negative once it is closed. */
export function filenoOf(fileobj: FileObject): number {
  const fd = typeof fileobj === "number" ? fileobj : fileobj?.fileno?.();
  if (typeof fd !== "number") {
    throw new TypeError(`Invalid file object: ${String(fileobj)} is no number and has no fileno()`);
  }
  return fd;
}

/** As `filenoOf`, and throws when that is no descriptor. */
export function descriptorOf(fileobj: FileObject): number {
  const fd = filenoOf(fileobj);
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) {
    throw new RangeError(`Invalid descriptor: ${fd}; is it closed?`);
  }
  return fd;
}

/**
 * The live view behind `getMap`, in the order of the descriptors: reads pass through, and there is
 * nothing to write with. A Map of keys beside the registrations would cost more with every descriptor:
 * the kernel gives the lowest number again and again, and a deleted entry stays in a Map's chain.
 */
export class KeyMap<T> implements ReadonlyMap<number, SelectorKey<T>> {
  readonly #registrations: readonly (Registration<T> | undefined)[];
  readonly #size: () => number;

  constructor(registrations: readonly (Registration<T> | undefined)[], size: () => number) {
    this.#registrations = registrations;
    this.#size = size;
  }
  get size(): number {
    return this.#size();
  }
  get(fd: number): SelectorKey<T> | undefined {
    const registration = this.#registrations[fd];
    return registration?.visible ? registration.key : undefined;
  }
  has(fd: number): boolean {
    return this.get(fd) !== undefined;
  }
  *keys(): Generator<number, undefined> {
    for (const { fd } of this.values()) yield fd;
  }
  *values(): Generator<SelectorKey<T>, undefined> {
    for (const registration of this.#registrations) {
      if (registration?.visible) yield registration.key;
    }
  }
  *entries(): Generator<[number, SelectorKey<T>], undefined> {
    for (const key of this.values()) yield [key.fd, key];
  }
  [Symbol.iterator](): Generator<[number, SelectorKey<T>], undefined> {
    return this.entries();
  }
  forEach(
    callback: (key: SelectorKey<T>, fd: number, map: ReadonlyMap<number, SelectorKey<T>>) => void,
  ): void {
    for (const key of this.values()) callback(key, key.fd, this);
  }
}
