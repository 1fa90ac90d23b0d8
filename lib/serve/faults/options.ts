/** Which faults a server commits on purpose, and on which connections: drawn, but repeatably. */

/** Faults of a server. Infinity, 0 for the delay, switches one off. */
export interface FaultOptions {
  /** How long each answer is held back, in milliseconds, plus or minus up to `jitterMs`. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Answers of a connection leave no faster. */
  readonly bytesPerSecond: number;
  /** Answers leave in pieces of at most so many bytes. */
  readonly slice: number;
  /** A reset, or FIN, comes after so many bytes of answers on a connection; the smaller one counts. */
  readonly resetAfter: number;
  readonly closeAfter: number;
  /** Everything is read and nothing answered, not even the peer's FIN. */
  readonly blackhole: boolean;
  /** The share of connections that have faults, in percent. */
  readonly percent: number;
  /** From 0 to 2^32 - 1. */
  readonly seed: number;
  /** One Int32, shared by all workers: how many connections there were. */
  readonly counter: SharedArrayBuffer;
}

/** No fault; what is asked for replaces a part of it. */
export const NO_FAULTS: Omit<FaultOptions, "seed" | "counter"> = {
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Infinity,
  slice: Infinity,
  resetAfter: Infinity,
  closeAfter: Infinity,
  blackhole: false,
  percent: 100,
};

/** A hash of 32 bits ("lowbias32"). */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/**
 * A connection's own generator ("mulberry32"). It depends on the seed and on the connection's number and
 * on nothing else, so that what happens on one connection does not change another's faults.
 */
export class Random {
  #state: number;

  constructor(seed: number, connection: number) {
    this.#state = mix(seed ^ mix(connection + 1));
  }

  /** At least 0 and less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** Whether connection `number`, counted from 0 as they are accepted, has faults. Seeds must keep meaning it. */
export const isAffected = (seed: number, number: number, percent: number): boolean =>
  new Random(seed, number).next() * 100 < percent;
