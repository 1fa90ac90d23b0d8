/** How latencies are spread, coarse enough to draw: a few buckets whose bounds people can read. */
import { bucketOf, HIGHEST, lowestOf, type Recorder, UNIT_NS } from "../../result/recorder.ts";

/** Rows of a drawing at most, as long as the steps of the coarsest series allow it. */
const MAX_ROWS = 16;
/** Steps within a decade, coarsest first; the finer ones for a narrow distribution. */
const SERIES: readonly (readonly number[])[] = [
  [1],
  [1, 2, 5],
  [1, 1.5, 2, 3, 5, 7],
  [1, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2],
  [
    ...[1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2, 2.2, 2.4, 2.7, 3, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1],
    ...[5.6, 6.2, 6.8, 7.5, 8.2, 9.1],
  ],
];
/** The finest step of a recorder, in microseconds: nothing lies below it but 0. */
const FINEST_US = 0.1;

export interface LogBucket {
  /** Its upper bound in microseconds, which belongs to it. */
  readonly upTo: number;
  /** For each recorder, in their order, how many of its values it has. */
  readonly counts: readonly number[];
}

/**
 * Sorts what was recorded into about a dozen buckets, as fine as that number allows. Several empty ones
 * in a row are one, so that a single far value does not make all others fall together.
 */
export function logBuckets(recorders: readonly Recorder[]): LogBucket[] {
  const filled = recorders.map((recorder) => [...recorder.units()].map(toLowest));
  const values = filled.flat().map(([us]) => us);
  if (values.length === 0) return [];
  let [low, high] = [Infinity, FINEST_US];
  for (const us of values) [low, high] = [Math.min(low, us), Math.max(high, us)];
  let best: LogBucket[] = [];
  for (const steps of SERIES) {
    const buckets = sort(filled, seriesBetween(steps, Math.max(low, FINEST_US), high));
    if (best.length > 0 && buckets.length > MAX_ROWS) break;
    best = buckets;
  }
  return best;
}

/** By its lowest value: that of a bucket with 1 ms in it is 1 ms, while its highest is a little more. */
const toLowest = ([units, count]: [number, number]): [us: number, count: number] => [
  lowestOf(bucketOf(Math.min(units, HIGHEST))) * UNIT_NS / 1000,
  count,
];

function sort(filled: readonly [us: number, count: number][][], bounds: number[]): LogBucket[] {
  const columns = filled.map((buckets) => {
    const counts = bounds.map(() => 0);
    for (const [us, count] of buckets) counts[indexOf(bounds, us)]! += count;
    return counts;
  });
  const rows = bounds.map((upTo, i) => ({ upTo, counts: columns.map((counts) => counts[i]!) }));
  const empty = (row: LogBucket | undefined) => row?.counts.every((count) => count === 0);
  return rows.filter((row, i) => !(empty(row) && empty(rows[i + 1])));
}

/** Bounds from the first one that `low` does not exceed to the first one that `high` does not. */
function seriesBetween(steps: readonly number[], low: number, high: number): number[] {
  const bounds: number[] = [];
  for (let exponent = Math.floor(Math.log10(low)) - 1;; exponent++) {
    for (const step of steps) {
      // By text: 1.2 * 10 ** -1 is not 0.12.
      const bound = Number(`${step}e${exponent}`);
      if (bound < low) continue;
      bounds.push(bound);
      if (bound >= high) return bounds;
    }
  }
}

/** The bucket of a value that the last bound is not below. */
function indexOf(bounds: readonly number[], us: number): number {
  let [low, high] = [0, bounds.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (us <= bounds[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
