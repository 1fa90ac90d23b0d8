/**
 * What select takes: three sets of descriptors, which it overwrites with those that are ready. Here
 * they are bitmaps, as on Unix; arrays.ts has those of Windows.
 */
import { FD_SETSIZE } from "../../sys/constants.ts";
import { Native } from "../../sys/ffi.ts";
import { c, isOpen } from "../../sys/posix.ts";
import { Timeval } from "../../sys/time.ts";
import type { ReadyList, Registration } from "../backend.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "../selector.ts";

/** The sets of one selector: what is asked, and what the last select has answered. */
export interface SelectSets {
  /** Checks that there is room for this descriptor. @throws RangeError when there is not */
  admit(fd: number): void;
  /** Asks for these EVENT_* bits from now on; for nothing when they are 0. */
  ask(fd: number, events: number): void;
  /** One select(); -1 with errno left behind when it fails. */
  select(timeoutMs: number): number;
  /** Appends the ready registrations, each once, with the EVENT_* bits that select has answered. */
  collect(
    expected: number,
    registrations: readonly (Registration | undefined)[],
    ready: ReadyList,
  ): void;
}

/** The RangeError of a descriptor for which there is no room. */
export const noRoom = (fd: number, others: string): RangeError =>
  new RangeError(
    `Cannot register descriptor ${fd} with select: FD_SETSIZE is ${FD_SETSIZE}; ${others} no such limit`,
  );

const BYTES = FD_SETSIZE / 8;
/** Linux opens no descriptor beyond this (fs.nr_open) unless it is told to; BSDs have lower limits. */
const NUMBERS = 1 << 20;

const setBit = (set: Int32Array, fd: number) => set[fd >>> 5]! |= 1 << (fd & 31);
const clearBit = (set: Int32Array, fd: number) => set[fd >>> 5]! &= ~(1 << (fd & 31));

/** Bitmaps of descriptors below FD_SETSIZE: select(2). */
export class SelectBitmaps implements SelectSets {
  /** What is asked for; the kernel overwrites the copies that it is given. */
  readonly #readers = new Int32Array(BYTES / 4);
  readonly #writers = new Int32Array(BYTES / 4);
  readonly #urgent = new Int32Array(BYTES / 4);
  readonly #readable = new Native(BYTES);
  readonly #writable = new Native(BYTES);
  readonly #exceptional = new Native(BYTES);
  readonly #timeval = new Timeval();
  #highest = -1;

  admit(fd: number): void {
    // Numbers that no process has on this system are said to be closed, as by every other backend.
    if (fd >= FD_SETSIZE && (fd < NUMBERS || isOpen(fd))) throw noRoom(fd, "poll and epoll have");
  }

  ask(fd: number, events: number): void {
    (events & EVENT_READ ? setBit : clearBit)(this.#readers, fd);
    (events & EVENT_WRITE ? setBit : clearBit)(this.#writers, fd);
    (events & EVENT_PRIORITY ? setBit : clearBit)(this.#urgent, fd);
    if (events !== 0) this.#highest = Math.max(this.#highest, fd);
    else if (fd === this.#highest) this.#lower();
  }

  /** Finds the highest descriptor that the kernel has to look at. */
  #lower(): void {
    for (let word = this.#highest >>> 5; word >= 0; word--) {
      const bits = this.#readers[word]! | this.#writers[word]! | this.#urgent[word]!;
      this.#highest = word * 32 + (31 - Math.clz32(bits));
      if (bits !== 0) return;
    }
    this.#highest = -1;
  }

  /** The kernel overwrites the sets, and Linux the time, too. */
  select(timeoutMs: number): number {
    this.#readable.int32.set(this.#readers);
    this.#writable.int32.set(this.#writers);
    this.#exceptional.int32.set(this.#urgent);
    return c.select(
      this.#highest + 1,
      this.#readable.pointer,
      this.#writable.pointer,
      this.#exceptional.pointer,
      this.#timeval.set(timeoutMs),
    );
  }

  collect(
    expected: number,
    registrations: readonly (Registration | undefined)[],
    ready: ReadyList,
  ): void {
    const readable = this.#readable.int32;
    const writable = this.#writable.int32;
    const exceptional = this.#exceptional.int32;
    for (let word = 0, left = expected; left > 0; word++) {
      const r = readable[word]!;
      const w = writable[word]!;
      const x = exceptional[word]!;
      for (let rest = r | w | x; rest !== 0; rest &= rest - 1) {
        const bit = rest & -rest;
        const events = (r & bit ? EVENT_READ : 0) | (w & bit ? EVENT_WRITE : 0) |
          (x & bit ? EVENT_PRIORITY : 0);
        ready.add(registrations[word * 32 + (31 - Math.clz32(bit))]!, events, events);
        left -= (r & bit ? 1 : 0) + (w & bit ? 1 : 0) + (x & bit ? 1 : 0);
      }
    }
  }
}
