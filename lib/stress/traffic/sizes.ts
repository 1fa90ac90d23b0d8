/** How long each message of a seeded stream is, and so where in it each begins. */
import type { Sizes } from "./oracle.ts";

/** Sizes that follow each other, before they come again; every connection starts elsewhere among them. */
const PERIOD = 1024;

/** The sizes of messages: from `least` to `most` bytes, at random by a seed; all sizes are as likely. */
export class RandomSizes implements Sizes {
  /** Where message `i` of two periods begins. */
  readonly #starts = new Float64Array(2 * PERIOD + 1);
  readonly #total: number;

  constructor(least: number, most: number, seed: number) {
    let state = seed | 0;
    const sizes = Array.from({ length: PERIOD }, () => {
      state = (Math.imul(state, 0x9e3779b1) + 0x7f4a7c15) | 0;
      let x = Math.imul(state ^ (state >>> 16), 0x7feb352d);
      x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
      return least + Math.floor(((x ^ (x >>> 16)) >>> 0) / 2 ** 32 * (most - least + 1));
    });
    for (let i = 0; i < 2 * PERIOD; i++) {
      this.#starts[i + 1] = this.#starts[i]! + sizes[i % PERIOD]!;
    }
    this.#total = this.#starts[PERIOD]!;
  }

  /** Bytes of the first messages of a connection. */
  lengthOf(connection: number, messages: number): number {
    const first = firstOf(connection);
    const rest = messages % PERIOD;
    return Math.floor(messages / PERIOD) * this.#total + this.#starts[first + rest]! -
      this.#starts[first]!;
  }

  /** How many messages are complete in the first bytes of a connection. */
  messagesIn(connection: number, bytes: number): number {
    const first = firstOf(connection);
    const periods = Math.floor(bytes / this.#total);
    const until = bytes - periods * this.#total + this.#starts[first]!;
    let [low, high] = [first, first + PERIOD]; // starts[low] <= until, and starts[high] is not below it
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= until) low = middle;
      else high = middle - 1;
    }
    return periods * PERIOD + low - first;
  }
}

const firstOf = (connection: number) => (Math.imul(connection, 0x9e3779b1) >>> 0) % PERIOD;
