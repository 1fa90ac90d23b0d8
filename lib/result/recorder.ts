/**
 * Durations counted in buckets: HdrHistogram's layout (Gil Tene) with three significant digits, in memory
 * that another thread can look at while the run goes on.
 */

/**
 * A distribution, in microseconds. Percentiles and `max` are of the values and of those that never came
 * together: one that falls among the latter is the time that was waited in vain, and `isOver` says so.
 */
export interface Distribution {
  readonly min: number;
  /** Mean and standard deviation are of the values only. */
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p99_9: number;
  readonly p99_99: number;
  readonly p99_999: number;
  readonly max: number;
  /** Values; and values that were due and never came. */
  readonly count: number;
  readonly unanswered: number;
}

/** Values that were due and never came: how many, and for how long they were waited for. */
export interface Unanswered {
  readonly count: number;
  readonly us: number;
  /** For how long those were waited for, besides, that might have come if the run had gone on. */
  readonly cutOff?: Recorder;
}

/** Whether `percent` percent of a distribution include some that never came: it is above all that is known. */
export const isOver = ({ count, unanswered }: Distribution, percent: number): boolean =>
  unanswered > 0 && rankOf(count + unanswered, percent) > count;

/** Which of `count` ascending values `percent` percent of them do not exceed, from 1. */
const rankOf = (count: number, percent: number): number =>
  Math.max(1, Math.ceil(count * Math.min(percent, 100) / 100 - 1e-9));

/** Nanoseconds of one unit, the finest step that is kept. */
export const UNIT_NS = 100;
const UNITS_PER_MS = 1e6 / UNIT_NS;
const UNITS_PER_US = 1e3 / UNIT_NS;
/** Units up to here are counted exactly, longer ones in steps of a 1024th or finer. */
const EXACT = 2048;
/** The highest value with a bucket of its own, in units: 429 seconds. */
export const HIGHEST = 2 ** 32 - 1;
/** Slots before the buckets, see the getters. */
const HEADER = 5;
/** As many buckets as HdrHistogram has counts, in the same order. */
export const BUCKETS: number = 21 * 1024 + EXACT;

export const RECORDER_BYTES = (HEADER + BUCKETS) * 8;

export function bucketOf(units: number): number {
  if (units < EXACT) return units;
  const shift = 21 - Math.clz32(units);
  return (shift << 10) + (units >>> shift);
}

/** The lowest value of a bucket, in units. */
export function lowestOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const shift = (bucket >>> 10) - 1;
  return (bucket - (shift << 10)) * 2 ** shift;
}

/** A histogram of durations. Counts are whole numbers below 2^53, for which Float64Array has room. */
export class Recorder {
  readonly #slots: Float64Array;

  /** A fresh one, or one on shared memory that another recorder may write to. */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(RECORDER_BYTES), index = 0) {
    this.#slots = new Float64Array(memory, index * RECORDER_BYTES, HEADER + BUCKETS);
  }

  get count(): number {
    return this.#slots[0]!;
  }
  /** How many values were above the range: they count in the highest bucket, and in `max` as they are. */
  get overflow(): number {
    return this.#slots[1]!;
  }
  /** The sum of all values, the highest, and the lowest plus one (so that 0 is none), in units. */
  get #sum(): number {
    return this.#slots[2]!;
  }
  get #max(): number {
    return this.#slots[3]!;
  }
  get #min(): number {
    return this.#slots[4]! - 1;
  }

  /** Records a duration in milliseconds. What a clock that went back makes negative counts as 0. */
  record(ms: number): void {
    const slots = this.#slots;
    const units = unitsOf(ms);
    slots[0]!++;
    slots[2]! += units;
    if (units > slots[3]!) slots[3] = units;
    if (units < slots[4]! || slots[4] === 0) slots[4] = units + 1;
    if (units <= HIGHEST) slots[HEADER + bucketOf(units)]!++;
    else {
      slots[1]!++;
      slots[HEADER + BUCKETS - 1]!++;
    }
  }

  /** Counts `count` values of a bucket whose value is `units`, as decoders do. */
  recordUnits(units: number, count: number): void {
    const slots = this.#slots;
    slots[0]! += count;
    slots[2]! += units * count;
    slots[3] = Math.max(slots[3]!, units);
    slots[4] = slots[4] === 0 ? units + 1 : Math.min(slots[4]!, units + 1);
    slots[HEADER + bucketOf(Math.min(units, HIGHEST))]! += count;
  }

  /** Records a wait that has not come to its end, in milliseconds: as the lowest value of its bucket. */
  recordAtLeast(ms: number): void {
    const units = Math.min(Math.max(0, Math.floor(ms * UNITS_PER_MS)), HIGHEST);
    this.recordUnits(lowestOf(bucketOf(units)), 1);
  }

  /** Replaces what buckets have only approximately, by exact values that a decoder has. */
  refine(exact: { min: number; max: number; sum: number; overflow: number }): void {
    this.#slots[1] = exact.overflow;
    this.#slots[2] = exact.sum;
    this.#slots[3] = exact.max;
    this.#slots[4] = exact.min + 1;
  }

  reset(): void {
    this.#slots.fill(0);
  }

  add(other: Recorder): void {
    if (other.count === 0) return;
    const [mine, others] = [this.#slots, other.#slots];
    for (let i = 0; i < 3; i++) mine[i]! += others[i]!;
    mine[3] = Math.max(mine[3]!, others[3]!);
    mine[4] = mine[4] === 0 ? others[4]! : Math.min(mine[4]!, others[4]!);
    const [low, high] = other.#range();
    for (let i = HEADER + low; i <= HEADER + high; i++) mine[i]! += others[i]!;
  }

  /** The buckets of the lowest and the highest value: there is nothing in those below and above. */
  #range(): [low: number, high: number] {
    return [
      bucketOf(Math.min(Math.max(0, this.#min), HIGHEST)),
      bucketOf(Math.min(this.#max, HIGHEST)),
    ];
  }

  /** Its values but those of `some`, all of which it has. Extremes that were among these become those of buckets. */
  without(some: Recorder): Recorder {
    const rest = new Recorder();
    const slots = rest.#slots;
    for (let i = 0; i < slots.length; i++) slots[i] = this.#slots[i]! - some.#slots[i]!;
    [slots[3], slots[4]] = [this.#slots[3]!, this.#slots[4]!];
    rest.#narrow();
    return rest;
  }

  /** Takes one of its values back, as {@linkcode without} does. */
  remove(ms: number): void {
    const units = unitsOf(ms);
    this.recordUnits(units, -1);
    if (units > HIGHEST) this.#slots[1]!--;
    this.#narrow();
  }

  /** Values are gone: the extremes are within the buckets that are left. */
  #narrow(): void {
    const filled = [...this.filled()];
    if (filled.length === 0) return this.reset();
    const slots = this.#slots;
    slots[3] = Math.min(highestOf(filled.at(-1)![0]), this.#max);
    slots[4] = Math.max(lowestOf(filled[0]![0]), this.#min) + 1;
  }

  /** The filled buckets from low to high: the highest duration of each, in microseconds, and its count. */
  *buckets(): Generator<[us: number, count: number]> {
    for (const [units, count] of this.units()) yield [units / UNITS_PER_US, count];
  }

  /** The same in units. */
  *units(): Generator<[units: number, count: number]> {
    for (const [bucket, count] of this.filled()) {
      yield [Math.min(highestOf(bucket), this.#max), count];
    }
  }

  /** The filled buckets by their numbers. */
  *filled(): Generator<[bucket: number, count: number]> {
    if (this.count === 0) return;
    const [low, high] = this.#range();
    for (let bucket = low; bucket <= high; bucket++) {
      const count = this.#slots[HEADER + bucket]!;
      if (count > 0) yield [bucket, count];
    }
  }

  /**
   * What `percent` percent of all values do not exceed, in microseconds; 0 without values. Among those that
   * never came it is the time for which they were waited for, or the highest value if that is more.
   */
  percentile(percent: number, unanswered: Unanswered = NONE): number {
    return this.#percentiles([percent], unanswered)[0]!;
  }

  #percentiles(percents: readonly number[], unanswered: Unanswered): number[] {
    const all = this.count + countOf(unanswered);
    if (all === 0) return percents.map(() => 0);
    const ranks = percents.map((percent) => rankOf(all, percent));
    const found: number[] = [];
    const highest = round(this.#max);
    let seen = 0;
    const take = (us: number, n: number) => {
      seen += n;
      while (found.length < ranks.length && seen >= ranks[found.length]!) found.push(us);
    };
    for (const [units, n] of this.units()) {
      take(round(units), n);
      if (found.length === ranks.length) return found;
    }
    for (const [units, n] of unanswered.cutOff?.units() ?? []) {
      take(Math.max(round(units), highest), n);
    }
    const over = Math.max(unanswered.us, highest);
    return percents.map((_, i) => found[i] ?? over);
  }

  summary(unanswered: Unanswered = NONE): Distribution {
    const { count } = this;
    const never = countOf(unanswered);
    const empty = count === 0;
    const [p50, p90, p99, p99_9, p99_99, p99_999, max] = this.#percentiles(
      [50, 90, 99, 99.9, 99.99, 99.999, 100],
      unanswered,
    ) as [number, number, number, number, number, number, number];
    return {
      min: empty ? 0 : round(this.#min),
      mean: empty ? 0 : round(this.#sum / count),
      stddev: empty ? 0 : round(this.#deviation()),
      ...{ p50, p90, p99, p99_9, p99_99, p99_999 },
      max: never > 0 ? max : round(this.#max),
      count,
      unanswered: never,
    };
  }

  /** The standard deviation, in units: as exact as buckets are. */
  #deviation(): number {
    const mean = this.#sum / this.count;
    let squares = 0;
    for (const [units, n] of this.units()) squares += n * (units - mean) ** 2;
    return Math.sqrt(squares / this.count);
  }

  /** What buckets have only approximately, for an encoder; in units. */
  get exact(): { min: number; max: number; sum: number; overflow: number } {
    return { min: this.#min, max: this.#max, sum: this.#sum, overflow: this.overflow };
  }
}

const unitsOf = (ms: number) => Math.max(0, Math.round(ms * UNITS_PER_MS));
const NONE: Unanswered = { count: 0, us: 0 };
const countOf = ({ count, cutOff }: Unanswered) => count + (cutOff?.count ?? 0);
const highestOf = (bucket: number) => bucket < EXACT ? bucket : lowestOf(bucket + 1) - 1;
/** Microseconds, to a tenth. */
const round = (units: number) => Math.round(units) / UNITS_PER_US;
