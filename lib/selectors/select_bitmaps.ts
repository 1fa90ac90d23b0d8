/**
 * What select takes: three sets of descriptors, which it overwrites with those that are ready. Here
 * they are bitmaps, as on Unix; socket_sets.ts has those of Windows.
 */
import { FD_SETSIZE } from "../sys/constants.ts";
import { Timeval } from "../sys/windows/socket_array.ts";
import { Native } from "../sys/ffi.ts";
import { c } from "../sys/posix.ts";
import type { ReadyList } from "./ready_list.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

/** The sets of one selector: what is asked, and what the last select has answered. */
export interface FdSets {
  /** Checks that there is room for this descriptor. @throws RangeError when there is not */
  admit(fd: number): void;
  /** Asks for these EVENT_* bits from now on; for nothing when they are 0. */
  ask(fd: number, events: number): void;
  /** One select(); -1 with errno left behind when it fails. */
  select(timeoutMs: number): number;
  /** Appends the ready registrations, each once, with the EVENT_* bits that select has answered. */
  collect<R>(
    expected: number,
    registrations: readonly (R | undefined)[],
    ready: ReadyList<R>,
  ): void;
}

/** The RangeError of a descriptor for which there is no room. */
export const noRoom = (fd: number, others: string): RangeError =>
  new RangeError(
    `Cannot register descriptor ${fd} with select: FD_SETSIZE is ${FD_SETSIZE}; ${others} no such limit`,
  );

const BYTES = FD_SETSIZE / 8;

const setBit = (set: Int32Array, fd: number) => set[fd >>> 5]! |= 1 << (fd & 31);
const clearBit = (set: Int32Array, fd: number) => set[fd >>> 5]! &= ~(1 << (fd & 31));

/** Bitmaps of descriptors below FD_SETSIZE: select(2). */
export class Bitmaps implements FdSets {
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
    if (fd >= FD_SETSIZE) throw noRoom(fd, "poll and epoll have");
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

  collect<R>(
    expected: number,
    registrations: readonly (R | undefined)[],
    ready: ReadyList<R>,
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
        ready.add(
          registrations[word * 32 + (31 - Math.clz32(bit))]!,
          (r & bit ? EVENT_READ : 0) | (w & bit ? EVENT_WRITE : 0) | (x & bit ? EVENT_PRIORITY : 0),
        );
        left -= (r & bit ? 1 : 0) + (w & bit ? 1 : 0) + (x & bit ? 1 : 0);
      }
    }
  }
}
