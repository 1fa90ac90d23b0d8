/**
 * select(2): three bitmaps of descriptors. The oldest interface, and the only one everywhere.
 *
 * Descriptor numbers must lie below FD_SETSIZE (1024), and a wait costs time in proportion to the
 * highest one.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import { Native, NULL } from "../sys/ffi.ts";
import { FD_SETSIZE } from "../sys/constants.ts";
import { cannotWatch, checkPollable } from "../sys/pollable.ts";
import { c, isOpen } from "../sys/posix.ts";
import { BaseSelector } from "./base.ts";
import { PRIORITY, type Registration } from "./registration.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

const BYTES = FD_SETSIZE / 8;
const MAX_SECONDS = 0x7fffffff;

const setBit = (set: Int32Array, fd: number) => set[fd >>> 5]! |= 1 << (fd & 31);
const clearBit = (set: Int32Array, fd: number) => set[fd >>> 5]! &= ~(1 << (fd & 31));

/**
 * Watches descriptors with select.
 *
 * @example
 * ```ts
 * import { EVENT_READ, SelectSelector, socketPair } from "iomux";
 *
 * using selector = new SelectSelector<string>();
 * const [a, b] = socketPair();
 * selector.register(b, EVENT_READ, "b");
 * a.send(new TextEncoder().encode("hello"));
 * selector.dispatch(1000, (key) => console.log(key.data, "is ready")); // b is ready
 * ```
 */
export class SelectSelector<T = unknown> extends BaseSelector<T> {
  /** "select" */
  readonly name = "select";
  /** Priority events: the third set. */
  protected override readonly modes: number = PRIORITY;
  /** What is asked for; the kernel overwrites the copies that it is given. */
  readonly #readers = new Int32Array(BYTES / 4);
  readonly #writers = new Int32Array(BYTES / 4);
  readonly #urgent = new Int32Array(BYTES / 4);
  readonly #readable = new Native(BYTES);
  readonly #writable = new Native(BYTES);
  readonly #exceptional = new Native(BYTES);
  readonly #timeval = new Native(16);
  #highest = -1;
  readonly #ready: Registration<T>[] = [];
  readonly #readyEvents: number[] = [];

  /** Sets the bits of a descriptor below FD_SETSIZE. */
  protected override add(registration: Registration<T>): void {
    if (registration.fd >= FD_SETSIZE) {
      throw new RangeError(
        `Cannot register descriptor ${registration.fd} with select: FD_SETSIZE is ${FD_SETSIZE}; ` +
          "poll and epoll have no such limit",
      );
    }
    checkPollable(registration.fd);
    this.#set(registration, registration.key.events);
  }

  #set(registration: Registration<T>, events: number): void {
    const { fd } = registration;
    registration.slot = fd;
    (events & EVENT_READ ? setBit : clearBit)(this.#readers, fd);
    (events & EVENT_WRITE ? setBit : clearBit)(this.#writers, fd);
    (registration.modes & PRIORITY ? setBit : clearBit)(this.#urgent, fd);
    this.#highest = Math.max(this.#highest, fd);
  }

  /** Sets and clears its bits. */
  protected override change(registration: Registration<T>, events: number): void {
    if (!isOpen(registration.fd)) throw cannotWatch(ERRNO.EBADF!, registration.fd);
    this.#set(registration, events);
  }

  /** Clears its bits, and lowers the highest descriptor that the kernel has to look at. */
  protected override remove(registration: Registration<T>): void {
    const { fd } = registration;
    if (registration.slot === -1) return;
    registration.slot = -1;
    clearBit(this.#readers, fd);
    clearBit(this.#writers, fd);
    clearBit(this.#urgent, fd);
    if (fd !== this.#highest) return;
    while (this.#highest >= 0 && !((this.registrations[this.#highest]?.slot ?? -1) >= 0)) {
      this.#highest--;
    }
  }

  /** One select; again without those that have been closed meanwhile. */
  protected override wait(timeoutMs: number): number {
    for (;;) {
      this.#readable.int32.set(this.#readers);
      this.#writable.int32.set(this.#writers);
      this.#exceptional.int32.set(this.#urgent);
      const result = c.select(
        this.#highest + 1,
        this.#readable.pointer,
        this.#writable.pointer,
        this.#exceptional.pointer,
        timeoutMs === Infinity ? NULL : this.#setTime(timeoutMs),
      );
      if (result >= 0) return this.#collect(result);
      const error = errno();
      if (error !== ERRNO.EBADF || !this.#dropClosed()) return -error;
    }
  }

  /** struct timeval, in microseconds rounded up. Linux overwrites it, so it is set for every wait. */
  #setTime(timeoutMs: number) {
    const microseconds = Math.ceil(Math.min(timeoutMs, MAX_SECONDS * 1000) * 1000);
    const seconds = Math.floor(microseconds / 1e6);
    this.#timeval.int32[0] = seconds;
    this.#timeval.int32[2] = microseconds - seconds * 1e6;
    return this.#timeval.pointer;
  }

  /** Closed while registered: epoll forgets such a descriptor, so select must no longer be asked. */
  #dropClosed(): boolean {
    let dropped = false;
    for (const registration of this.registrations) {
      if (!registration || registration.slot === -1 || isOpen(registration.fd)) continue;
      this.remove(registration);
      dropped = true;
    }
    return dropped;
  }

  #collect(expected: number): number {
    this.#ready.length = 0;
    this.#readyEvents.length = 0;
    const readable = this.#readable.int32;
    const writable = this.#writable.int32;
    const exceptional = this.#exceptional.int32;
    for (let word = 0, left = expected; left > 0; word++) {
      const r = readable[word]!;
      const w = writable[word]!;
      const x = exceptional[word]!;
      for (let rest = r | w | x; rest !== 0; rest &= rest - 1) {
        const bit = rest & -rest;
        const fd = word * 32 + (31 - Math.clz32(bit));
        this.#ready.push(this.registrations[fd]!);
        this.#readyEvents.push(
          (r & bit ? EVENT_READ : 0) | (w & bit ? EVENT_WRITE : 0) | (x & bit ? EVENT_PRIORITY : 0),
        );
        left -= (r & bit ? 1 : 0) + (w & bit ? 1 : 0) + (x & bit ? 1 : 0);
      }
    }
    return this.#ready.length;
  }

  /** What `wait` has found, unless it was unregistered since. */
  protected override take(index: number): Registration<T> | undefined {
    const registration = this.#ready[index]!;
    if (!registration.live) return undefined;
    this.taken = this.raw = this.#readyEvents[index]!;
    return registration;
  }

  /** Nothing to do: a closed descriptor makes select fail, which `wait` repairs. */
  protected override recover(): void {}

  /** Nothing is held but memory. */
  protected override release(): void {
    this.#ready.length = 0;
  }
}
