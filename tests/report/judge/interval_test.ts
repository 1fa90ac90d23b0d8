// The confidence intervals of ratios, on numbers of which the truth is known.
import { describe, expect, it } from "bun:test";
import {
  expandedTail,
  pairedRatio,
  randomOf,
  RESAMPLES,
  unpairedRatio,
} from "../../../lib/report/judge/interval.ts";

const random = randomOf(11);
/** Normally distributed (Box and Muller). */
const noise = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const some = (count: number, make: () => number) => Array.from({ length: count }, make);

/** In how many of `runs` the interval covers the true ratio. */
function covered(runs: number, truth: number, measure: (seed: number) => [number, number]): number {
  let hits = 0;
  for (let seed = 0; seed < runs; seed++) {
    const [low, high] = measure(seed);
    if (low <= truth && truth <= high) hits++;
  }
  return hits / runs;
}

describe("the interval of a ratio", () => {
  it("covers the true ratio of pairs about 95 times of 100, with few rounds as well", () => {
    for (const rounds of [5, 10]) {
      const share = covered(200, 1.2, (seed) => {
        const base = some(rounds, () => 1000 * (1 + 0.1 * noise()));
        const other = base.map((x) => 1.2 * x * (1 + 0.05 * noise()));
        const { low, high } = pairedRatio(other, base, seed)!;
        return [low, high];
      });
      // 200 trials of 95 % stray by less than 5 % in all but one of a thousand cases.
      expect(share).toBeGreaterThan(0.88);
    }
  });

  it("covers the true ratio of two samples of different sizes", () => {
    const share = covered(200, 0.5, (seed) => {
      const of = some(12, () => 500 * (1 + 0.2 * noise()));
      const to = some(8, () => 1000 * (1 + 0.2 * noise()));
      const { low, high } = unpairedRatio(of, to, seed)!;
      return [low, high];
    });
    expect(share).toBeGreaterThan(0.88);
  });

  it("does not cover everything: a difference of 10 % shows in rounds that vary by 1 %", () => {
    const base = some(10, () => 1000 * (1 + 0.01 * noise()));
    const { ratio, low, high } = pairedRatio(
      base.map((x) => 1.1 * x * (1 + 0.01 * noise())),
      base,
      3,
    )!;
    expect(low).toBeGreaterThan(1.05);
    expect(high).toBeLessThan(1.15);
    expect(low <= ratio && ratio <= high).toBe(true);
  });

  it("of pairs leaves out what both have in common", () => {
    const base = some(10, () => 1000 * (1 + random()));
    const other = base.map((x) => 1.1 * x);
    const paired = pairedRatio(other, base, 1)!;
    expect(paired.high - paired.low).toBeLessThan(1e-9);
    const apart = unpairedRatio(other, base, 1)!;
    expect(apart.low).toBeLessThan(1);
    expect(apart.high).toBeGreaterThan(1.2);
  });

  it("is the same for the same seed", () => {
    const [of, to] = [some(6, random), some(6, random)];
    expect(unpairedRatio(of, to, 9)).toEqual(unpairedRatio(of, to, 9));
    expect(unpairedRatio(of, to, 9)).not.toEqual(unpairedRatio(of, to, 10));
  });

  it("is none with fewer than three measurements, or of nothing", () => {
    expect(pairedRatio([1, 2], [1, 2], 1)).toBe(null);
    expect(pairedRatio([1, 2, 3], [1, 2], 1)).toBe(null);
    expect(unpairedRatio([1, 2, 3, 4], [], 1)).toBe(null);
    expect(pairedRatio([0, 0, 0], [1, 2, 3], 1)).toBe(null);
    expect(pairedRatio([1, 2, 3], [0, 0, 0], 1)).toBe(null);
  });

  it("has a finite upper end even if a resample of the denominator may be 0", () => {
    const interval = pairedRatio([1, 1, 1, 1, 1], [0, 0, 0, 0, 5], 1);
    expect(interval === null || Number.isFinite(interval.high)).toBe(true);
  });
});

describe("the share of resamples beyond each end", () => {
  it("is Hesterberg's: for 95 % and 5, 10, 20 measurements", () => {
    // Phi(-sqrt(n/(n-1)) t(0.975, n-1)), by tables: t = 2.776, 2.262, 2.093
    expect(expandedTail(5)).toBeCloseTo(0.00096, 4);
    expect(expandedTail(10)).toBeCloseTo(0.00855, 4);
    expect(expandedTail(20)).toBeCloseTo(0.01588, 4);
  });

  it("comes near 2.5 % with many measurements", () => {
    expect(expandedTail(100_000)).toBeCloseTo(0.025, 4);
  });

  it("leaves resamples beyond the ends for as few as five rounds", () => {
    expect(expandedTail(5) * RESAMPLES).toBeGreaterThan(2);
  });
});

describe("the seeded numbers", () => {
  it("are even from 0 to 1, and depend on the seed", () => {
    const next = randomOf(1);
    const bins = Array(10).fill(0);
    for (let i = 0; i < 10_000; i++) bins[Math.floor(next() * 10)]++;
    for (const bin of bins) expect(Math.abs(bin - 1000)).toBeLessThan(150);
    expect(randomOf(1)()).not.toBe(randomOf(2)());
  });
});
