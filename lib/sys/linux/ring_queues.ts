/**
 * The two queues of an io_uring, over memory that the kernel shares: requests in, completions out.
 *
 * See io_uring(7), and linux/io_uring.h for the layouts. Heads and tails are unsigned 32-bit counters
 * that wrap; here they are signed integers, on which the same arithmetic holds modulo 2^32.
 */

/** Words of a request. */
export const SQE_WORDS = 16;
const CQE_WORDS = 4;

/** Where things stand in the memory of a queue, as indices of 32-bit words. */
export interface QueuePlaces {
  readonly head: number;
  readonly tail: number;
  /** Entries less one: a power of two less one. */
  readonly mask: number;
}

/** Requests that are written, and those that were submitted. */
export class SubmissionQueue {
  readonly #words: Int32Array;
  readonly #sqes: Int32Array;
  readonly #places: QueuePlaces;
  #tail: number;
  #submitted: number;

  constructor(words: Int32Array, sqes: Int32Array, places: QueuePlaces) {
    this.#words = words;
    this.#sqes = sqes;
    this.#places = places;
    this.#tail = this.#submitted = words[places.tail]!;
  }

  /** How many requests were written and not submitted. */
  get waiting(): number {
    return (this.#tail - this.#submitted) | 0;
  }

  /** No request can be written until those that wait are submitted. */
  get full(): boolean {
    return this.waiting > this.#places.mask;
  }

  /**
   * Writes a request, which must not be `full`, and returns the index of its first word in `words`.
   * The words are those of struct io_uring_sqe.
   *
   * @param first opcode, flags << 8, ioprio << 16
   */
  push(
    first: number,
    fd: number,
    addressLow: number,
    addressHigh: number,
    length: number,
    opFlags: number,
    low: number,
    high: number,
    group: number,
  ): number {
    const sqes = this.#sqes;
    const at = (this.#tail & this.#places.mask) * SQE_WORDS;
    this.#tail = (this.#tail + 1) | 0;
    sqes[at] = first;
    sqes[at + 1] = fd;
    sqes[at + 4] = addressLow;
    sqes[at + 5] = addressHigh;
    sqes[at + 6] = length;
    sqes[at + 7] = opFlags;
    sqes[at + 8] = low;
    sqes[at + 9] = high;
    sqes[at + 10] = group;
    return at;
  }

  /** The requests' words, for a change of one that is not submitted yet. */
  get words(): Int32Array {
    return this.#sqes;
  }

  /** Shows the kernel what was written; returns how many requests wait. */
  publish(): number {
    Atomics.store(this.#words, this.#places.tail, this.#tail);
    return this.waiting;
  }

  /** Reads how far the kernel has come. */
  update(): void {
    this.#submitted = Atomics.load(this.#words, this.#places.head);
  }
}

/** Completions, which are read in their order. */
export class CompletionQueue {
  readonly #words: Int32Array;
  readonly #places: QueuePlaces;
  readonly #cqes: number;
  #head: number;
  /** Of the completion that `next` has taken: user_data's halves, the result, the flags. */
  low = 0;
  high = 0;
  result = 0;
  flags = 0;

  /** @param cqes index of the first word of the first completion */
  constructor(words: Int32Array, places: QueuePlaces, cqes: number) {
    this.#words = words;
    this.#places = places;
    this.#cqes = cqes;
    this.#head = words[places.head]!;
  }

  /** How many completions can be taken. */
  get ready(): number {
    return (Atomics.load(this.#words, this.#places.tail) - this.#head) | 0;
  }

  /** Takes the next completion; one must be `ready`. */
  next(): void {
    const words = this.#words;
    const at = this.#cqes + (this.#head & this.#places.mask) * CQE_WORDS;
    this.#head = (this.#head + 1) | 0;
    this.low = words[at]!;
    this.high = words[at + 1]!;
    this.result = words[at + 2]!;
    this.flags = words[at + 3]!;
  }

  /** Gives the entries of what was taken back to the kernel. */
  release(): void {
    Atomics.store(this.#words, this.#places.head, this.#head);
  }

  /** Whether a completion waits whose user_data's high half has this value below the mask. */
  has(mask: number, value: number): boolean {
    const words = this.#words;
    const cqMask = this.#places.mask;
    const end = Atomics.load(words, this.#places.tail);
    for (let i = this.#head; i !== end; i = (i + 1) | 0) {
      if ((words[this.#cqes + (i & cqMask) * CQE_WORDS + 1]! & mask) === value) return true;
    }
    return false;
  }

  /**
   * Looks at completions that are not taken yet. Those for which `take` returns true are its own: their
   * user_data becomes 0, 0.
   */
  scan(take: (low: number, high: number, result: number, flags: number) => boolean): void {
    const words = this.#words;
    for (let i = 0, count = this.ready; i < count; i++) {
      const at = this.#cqes + ((this.#head + i) & this.#places.mask) * CQE_WORDS;
      if (take(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)) {
        words[at] = words[at + 1] = 0;
      }
    }
  }
}
