/** Confidence intervals of a ratio from repeated measurements, by the bootstrap (Efron). */
import type { Interval } from "../../result/judgement.ts";

/** How sure an interval is. */
export const CONFIDENCE = 0.95;
/** How often the measurements are drawn anew. */
export const RESAMPLES = 4000;
/** What the intervals are, for reports. */
export const METHOD =
  "percentile bootstrap of the ratio of means, widened for small samples (Hesterberg 2015)";

/** Numbers from 0 to below 1 that depend on the seed alone ("mulberry32"). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Mean of `of` to mean of `to`, where the two numbers of an index were measured in the same round: what
 * slows a round down slows both, and pairs keep that out of the interval. null with fewer than three
 * rounds, or when a mean is 0.
 */
export function pairedRatio(
  of: readonly number[],
  to: readonly number[],
  seed: number,
): Interval | null {
  const n = Math.min(of.length, to.length);
  return interval(of.slice(0, n), to.slice(0, n), n, seed, (random, sums) => {
    for (let i = 0; i < n; i++) {
      const drawn = Math.floor(random() * n);
      sums[0] += of[drawn]!;
      sums[1] += to[drawn]!;
    }
  });
}

/** The same of two samples that were taken apart from each other, of any two sizes. */
export function unpairedRatio(
  of: readonly number[],
  to: readonly number[],
  seed: number,
): Interval | null {
  return interval(of, to, Math.min(of.length, to.length), seed, (random, sums) => {
    for (let i = 0; i < of.length; i++) sums[0] += of[Math.floor(random() * of.length)]!;
    for (let i = 0; i < to.length; i++) sums[1] += to[Math.floor(random() * to.length)]!;
  });
}

/** Fewer measurements than this say nothing of how much they vary. */
const FEWEST = 3;

function interval(
  of: readonly number[],
  to: readonly number[],
  n: number,
  seed: number,
  draw: (random: () => number, sums: [number, number]) => void,
): Interval | null {
  const [over, under] = [mean(of), mean(to)];
  if (n < FEWEST || !(over > 0) || !(under > 0)) return null;
  const random = randomOf(seed);
  const ratios: number[] = [];
  for (let i = 0; i < RESAMPLES; i++) {
    const sums: [number, number] = [0, 0];
    draw(random, sums);
    ratios.push(sums[1] > 0 ? (sums[0] / of.length) / (sums[1] / to.length) : Infinity);
  }
  ratios.sort((a, b) => a - b);
  const tail = expandedTail(n);
  const ratio = over / under;
  const at = (share: number) => ratios[Math.round(share * (RESAMPLES - 1))]!;
  // The ratio itself is always one of the plausible ones, however skewed its resamples are.
  const low = Math.min(at(tail), ratio);
  const high = Math.max(at(1 - tail), ratio);
  return Number.isFinite(high) ? { ratio, low, high } : null;
}

/** The mean of numbers; NaN of none. */
export const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

/**
 * Which share of the resampled ratios lies beyond each end. A plain percentile interval of n measurements
 * is too narrow, by the factor sqrt((n-1)/n) and for want of Student's t; this share makes it as wide as
 * the t interval would be (T. Hesterberg, "What Teachers Should Know About the Bootstrap", 2015).
 */
export function expandedTail(n: number): number {
  return normalBelow(-Math.sqrt(n / (n - 1)) * studentT(n - 1));
}

/** Student's t with 97.5 % below it: Cornish-Fisher's expansion, within 1 % from 2 degrees of freedom on. */
function studentT(degrees: number): number {
  const z = 1.959964;
  const v = degrees;
  return z + (z ** 3 + z) / (4 * v) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * v ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * v ** 3) +
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / (92160 * v ** 4);
}

/** The normal distribution's share below z <= 0: Abramowitz and Stegun 26.2.17, to 7.5e-8. */
function normalBelow(z: number): number {
  const t = 1 / (1 - 0.2316419 * z);
  const polynomial = t * (0.319381530 + t * (-0.356563782 + t *
          (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * polynomial;
}
