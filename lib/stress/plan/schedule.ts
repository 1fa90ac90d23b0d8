/** How a quantity goes over the time of a run, and when each message of an open loop is due. */
import type { Plan } from "./plan.ts";

/** A piece of a profile, linear from `from` to `to`. */
export interface Segment {
  readonly durationMs: number;
  readonly from: number;
  readonly to: number;
}

/** Messages a second over all connections, from the start of the warm-up; empty in a closed loop. */
export function rateProfile(plan: Plan): Segment[] {
  const { stages, rate, rampMs, warmupMs } = plan;
  const rates = stages.flatMap(({ durationMs, rate }) => rate ? [{ durationMs, ...rate }] : []);
  if (rates.length > 0) return warmed(warmupMs, rates);
  if (rate === null) return [];
  const steady = { durationMs: Infinity, from: rate, to: rate };
  return rampMs > 0
    ? warmed(warmupMs, [{ durationMs: rampMs, from: 0, to: rate }, steady])
    : [steady];
}

/** Connections that take part, over all threads; empty when all do from the start. */
export function connectionProfile(plan: Plan): Segment[] {
  const { stages, connections, rampMs, warmupMs } = plan;
  const counts = stages.flatMap(({ durationMs, connections: n }) =>
    n ? [{ durationMs, ...n }] : []
  );
  if (counts.length > 0) return warmed(warmupMs, counts);
  return rampMs > 0 ? warmed(warmupMs, [{ durationMs: rampMs, from: 0, to: connections }]) : [];
}

/** A warm-up is like the first moment of what follows: of the first stage, or of the ramp. */
const warmed = (warmupMs: number, segments: Segment[]): Segment[] => {
  const { from } = segments[0]!;
  return warmupMs > 0 ? [{ durationMs: warmupMs, from, to: from }, ...segments] : segments;
};

/** The value of a profile at a time; after its end, its last one. */
export function valueAt(profile: readonly Segment[], ms: number): number {
  let left = ms;
  for (const { durationMs, from, to } of profile) {
    if (left < durationMs) {
      return from + (durationMs === Infinity ? 0 : (to - from) * left / durationMs);
    }
    left -= durationMs;
  }
  return profile.at(-1)?.to ?? 0;
}

/** How many connections took part on average, in so many seconds of counting. */
export function averageConnections(plan: Plan, seconds: number): number {
  const profile = connectionProfile(plan);
  if (profile.length === 0) return plan.connections;
  const samples = 1000;
  let sum = 0;
  for (let i = 0; i < samples; i++) { // each is one, however short a part of it is due
    const ms = plan.warmupMs + (i + 0.5) / samples * seconds * 1000;
    sum += Math.ceil(valueAt(profile, ms) - 1e-9);
  }
  return Math.round(sum / samples * 1000) / 1000;
}

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

  /** How many messages are due before a time. */
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
