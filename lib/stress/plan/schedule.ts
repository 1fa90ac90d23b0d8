/** When each message of an open loop is due. */
import type { Segment } from "../../result/segments.ts";

/** What a computed time may be after a tick, or a message's own time, as a part of it, and still be meant to be on it. */
const FUZZ = 1e-6;

/** A segment in milliseconds, with how many messages of all threads are due before and after it. */
interface Piece {
  readonly start: number;
  readonly length: number;
  readonly before: number;
  readonly after: number;
  readonly from: number;
  readonly slope: number;
}

/** When the messages of one thread are due: its share of all, evenly between those of the others. */
export class Schedule {
  readonly #pieces: Piece[] = [];
  readonly #share: number;
  readonly #phase: number;
  /** Messages are due together, at multiples of this time; 0 for each at its own. */
  readonly tickMs: number;

  /**
   * Of a rate of messages a second. `share` of all messages are this thread's; `phase`, from 0 to below
   * 1, shifts them, so that threads do not send at the same moments. With a tick, in milliseconds,
   * they wait for the next one.
   */
  constructor(profile: readonly Segment[], share: number, phase: number, tickMs = 0) {
    this.tickMs = tickMs;
    this.#share = share;
    this.#phase = phase;
    let start = 0;
    let before = 0;
    for (const { durationMs, from, to } of [...profile, endless(profile)]) {
      const slope = durationMs === Infinity ? 0 : (to - from) / 1000 / durationMs;
      const after = before + (from + to === 0 ? 0 : durationMs * (from + to) / 2 / 1000);
      this.#pieces.push({ start, before, after, length: durationMs, from: from / 1000, slope });
      start += durationMs;
      before = after;
    }
  }

  /** When message `index` is due, in milliseconds from the start; Infinity when it never is. */
  timeOf(index: number): number {
    const time = this.#ownTimeOf(index);
    return this.tickMs > 0 ? Math.ceil(time / this.tickMs - FUZZ) * this.tickMs : time;
  }

  #ownTimeOf(index: number): number {
    const number = (index + this.#phase) / this.#share;
    for (const { start, before, after, from, slope } of this.#pieces) {
      if (number >= after) continue;
      const n = number - before;
      if (n <= 0) return start;
      // n = from x + slope x^2 / 2, solved in the form that loses no digits when the slope is small.
      return start + 2 * n / (from + Math.sqrt(Math.max(0, from * from + 2 * slope * n)));
    }
    return Infinity;
  }

  dueBefore(ms: number): number {
    if (this.tickMs === 0) return Math.max(0, Math.ceil(this.#numberAt(ms) - FUZZ));
    // The last tick before it has taken all messages whose own time is not later.
    const tick = Math.ceil(ms / this.tickMs - FUZZ) - 1;
    if (tick < 0) return 0;
    const due = Math.floor(this.#numberAt((tick + FUZZ) * this.tickMs)) + 1; // as timeOf() has it
    const all = Math.ceil((this.#pieces.at(-1)?.after ?? 0) * this.#share - this.#phase);
    return Math.max(0, Math.min(due, all)); // a message on the very end of the profile is not part of it
  }

  /** The message, with a fraction, whose own time this is. */
  #numberAt(ms: number): number {
    let due = 0;
    for (const { start, before, length, from, slope } of this.#pieces) {
      if (ms < start) break;
      const x = Math.min(ms - start, length);
      due = before + from * x + slope * x * x / 2;
    }
    return due * this.#share - this.#phase;
  }
}

/** A profile's last rate goes on. */
const endless = (profile: readonly Segment[]): Segment => {
  const last = profile.at(-1)?.to ?? 0;
  return { durationMs: Infinity, from: last, to: last };
};
