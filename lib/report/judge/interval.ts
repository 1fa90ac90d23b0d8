/**
 * Confidence intervals of ratios and means from few measurements: Student's t on logarithms. What disturbs a
 * measurement multiplies it, rather than adds to it, and a ratio of measurements is a difference of logarithms,
 * whose mean has a t distribution. docs/judgement.md has the coverage that was measured.
 */
import type { Interval, MeanInterval } from "../../result/judgement.ts";

export const CONFIDENCE = 0.95;
export const METHOD = "Student's t on the logarithms of the ratios";
/** Fewer measurements than this say nothing of how much they vary. */
const FEWEST = 3;

interface Sample {
  readonly n: number;
  readonly mean: number;
  /** Of the mean, squared. */
  readonly error: number;
}

/** Null with too few values, or with one that has no logarithm. */
function sampleOf(values: readonly number[]): Sample | null {
  const n = values.length;
  if (n < FEWEST || !values.every((value) => value > 0 && Number.isFinite(value))) return null;
  const logs = values.map(Math.log);
  const center = mean(logs);
  const squares = logs.reduce((sum, log) => sum + (log - center) ** 2, 0);
  return { n, mean: center, error: squares / (n - 1) / n };
}

/**
 * `of` to `to`, where the two numbers of an index were measured in the same round: what slows a round down slows
 * both, and pairs keep that out of the interval. Null with fewer than three rounds, or where one is 0.
 */
export function pairedRatio(of: readonly number[], to: readonly number[]): Interval | null {
  const n = Math.min(of.length, to.length);
  const ratios = Array.from({ length: n }, (_, i) => of[i]! / to[i]!);
  const sample = sampleOf(ratios);
  return sample && intervalOf(sample.mean, sample.error, n - 1);
}

/** The same of two samples that were taken apart from each other, of any two sizes (Welch's t). */
export function unpairedRatio(of: readonly number[], to: readonly number[]): Interval | null {
  const [over, under] = [sampleOf(of), sampleOf(to)];
  if (over === null || under === null) return null;
  const error = over.error + under.error;
  const degrees = error === 0
    ? over.n + under.n - 2
    : error ** 2 / (over.error ** 2 / (over.n - 1) + under.error ** 2 / (under.n - 1));
  return intervalOf(over.mean - under.mean, error, degrees);
}

/** The mean of rounds; null with fewer than three, or where one is 0. */
export function meanInterval(values: readonly number[], share = CONFIDENCE): MeanInterval | null {
  const sample = sampleOf(values);
  if (sample === null) return null;
  const { ratio, low, high } = intervalOf(sample.mean, sample.error, sample.n - 1, share);
  return { mean: ratio, low, high, percent: 100 * (high - low) / 2 / ratio };
}

function intervalOf(log: number, error: number, degrees: number, share = CONFIDENCE): Interval {
  const half = studentT(degrees, share) * Math.sqrt(error);
  return { ratio: Math.exp(log), low: Math.exp(log - half), high: Math.exp(log + half) };
}

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

/** The mean that logarithms have: of ratios it is the ratio of means. 0 of nothing, and where one is 0. */
export const geometricMean = (numbers: readonly number[]): number =>
  numbers.length === 0 ? 0 : Math.exp(mean(numbers.map(Math.log)));

/** Student's t: `share` of the distribution lies between its negative and itself. By Newton's method. */
export function studentT(degrees: number, share = CONFIDENCE): number {
  // With t = sqrt(v) tan(a) the density is proportional to cos(a)^(v-1), which is bounded and smooth.
  const [root, power] = [Math.sqrt(degrees), degrees - 1];
  const all = integral(Math.PI / 2, power);
  let t = 1; // from the left of a concave function every step stays on the left
  for (let i = 0; i < 30; i++) {
    const angle = Math.atan(t / root);
    const missing = share - integral(angle, power) / all;
    const density = Math.cos(angle) ** (power + 2) / root / all;
    t += missing / density;
    if (Math.abs(missing) < 1e-12) break;
  }
  return t;
}

/** Of cos(a)^power from 0 to `end`, by Simpson's rule. */
function integral(end: number, power: number): number {
  const steps = 100;
  const at = (i: number) => Math.max(0, Math.cos(end * i / steps)) ** power;
  let sum = at(0) + at(steps);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * at(i);
  return sum * end / steps / 3;
}
