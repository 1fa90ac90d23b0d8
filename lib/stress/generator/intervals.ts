/**
 * The intervals of a generator thread, which another thread makes rows of. What happens in one interval is
 * recorded apart from what happens in the next, so that rows add up to the totals exactly.
 *
 * There are two sets of recorders. The thread writes to one while the other thread reads the other; an
 * interval goes on for longer when that has not been read by its end.
 */
import { COUNTER } from "../../engine/mod.ts";
import { Recorder, RECORDER_BYTES } from "../../result/recorder.ts";

/** Where an interval's figures stand in its slots. All counts are since the start of the run. */
export const FIGURE = {
  /** Which interval of the run it is, from 1: several threads have them at the same times. */
  number: 0,
  /** Its end, in milliseconds since the epoch. */
  ms: 1,
  sent: 2,
  received: 3,
  bytesOut: 4,
  bytesIn: 5,
  errors: 6,
  open: 7,
  /** When the thread started to count, in milliseconds since the epoch. */
  start: 8,
  /** Of those received, the ones that came after the stop. */
  drained: 9,
} as const;
const FIGURES = 10;

/** Slots of the engine's counters that show the progress of a run while it goes on. */
export const PROGRESS = {
  sent: COUNTER.user,
  received: COUNTER.user + 1,
  mismatched: COUNTER.user + 2,
  /** Connections that are open. */
  open: COUNTER.user + 3,
  /** Failed connects, lost connections and timed-out messages. */
  failures: COUNTER.user + 4,
  /** Messages whose reply did not come in time, and those that were lost with their connections. */
  timedOut: COUNTER.user + 5,
  unanswered: COUNTER.user + 6,
} as const;

/** Recorders of each set: latencies from the real and from the scheduled send. */
const RECORDERS = 2;
const FIGURES_AT = 2 * RECORDERS * RECORDER_BYTES;
const CONTROL_AT = FIGURES_AT + 2 * FIGURES * 8;
/** Bytes of the memory that the two threads share. */
export const INTERVALS_BYTES: number = CONTROL_AT + 2 * 4;

/** One of the two sets. */
export class Half {
  readonly figures: Float64Array;
  readonly latency: Recorder;
  readonly corrected: Recorder;

  constructor(memory: ArrayBufferLike, index: number) {
    this.figures = new Float64Array(memory, FIGURES_AT + index * FIGURES * 8, FIGURES);
    this.latency = new Recorder(memory, index * RECORDERS);
    this.corrected = new Recorder(memory, index * RECORDERS + 1);
  }
}

/** Both sets, and how many intervals were written and read. */
export class Halves {
  readonly #control: Int32Array;
  readonly #halves: readonly [Half, Half];

  constructor(memory: ArrayBufferLike) {
    this.#control = new Int32Array(memory, CONTROL_AT, 2);
    this.#halves = [new Half(memory, 0), new Half(memory, 1)];
  }

  /** What is recorded now goes there. */
  get current(): Half {
    return this.#halves[Atomics.load(this.#control, 0) & 1]!;
  }

  /** Whether the other set is free. */
  get allRead(): boolean {
    return Atomics.load(this.#control, 0) === Atomics.load(this.#control, 1);
  }

  /** The current interval is over; the next one goes to the other set. */
  turnOver(): void {
    Atomics.add(this.#control, 0, 1);
  }

  /** Gives the intervals that are over to `read`, oldest first, and frees their sets. */
  read(read: (half: Half) => void): void {
    while (!this.allRead) {
      const half = this.#halves[Atomics.load(this.#control, 1) & 1]!;
      read(half);
      half.latency.reset();
      half.corrected.reset();
      Atomics.add(this.#control, 1, 1);
    }
  }
}
