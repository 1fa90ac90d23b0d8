// The confidence intervals, on numbers of which the truth is known: how often they cover it is measured.
import { describe, expect, it } from "bun:test";
import { confidenceOf, ROUNDS } from "../../../lib/report/judge/confidence.ts";
import {
  meanInterval,
  pairedRatio,
  studentT,
  unpairedRatio,
} from "../../../lib/report/judge/interval.ts";
import type { Interval } from "../../../lib/result/judgement.ts";
import { noiseOf, randomOf, sampleResult } from "../../support/sample_results.ts";

const noise = noiseOf(11);
const random = randomOf(12);
const some = (count: number, make: () => number) => Array.from({ length: count }, make);

/** In which share of `runs` an interval covers the truth. */
function covered(runs: number, truth: number, make: () => Pick<Interval, "low" | "high">): number {
  let hits = 0;
  for (let run = 0; run < runs; run++) {
    const { low, high } = make();
    if (low <= truth && truth <= high) hits++;
  }
  return hits / runs;
}

/** The geometric mean of numbers between 0.8 and 1.2, which is what a mean of logarithms estimates. */
const MIDDLE = Math.exp((1.2 * Math.log(1.2) - 0.8 * Math.log(0.8)) / 0.4 - 1);

/** What a share of 95 % of 2000 strays by in one of a million cases. */
const RUNS = 2000;
const STRAYS = 0.025;

describe("the interval of a ratio", () => {
  for (const rounds of [3, 4, 5, 10]) {
    it(`covers the true ratio of ${rounds} pairs 95 times of 100`, () => {
      const share = covered(RUNS, 1.2, () => {
        const base = some(rounds, () => 1000 * Math.exp(0.3 * noise()));
        return pairedRatio(base.map((x) => 1.2 * x * Math.exp(0.05 * noise())), base)!;
      });
      expect(Math.abs(share - 0.95)).toBeLessThan(STRAYS);
    });

    it(`covers it 92 times of 100 or more where ${rounds} pairs vary evenly, without tails`, () => {
      const share = covered(RUNS, MIDDLE, () => {
        const ratios = some(rounds, () => 0.8 + 0.4 * random());
        return pairedRatio(ratios, ratios.map(() => 1))!;
      });
      expect(share).toBeGreaterThan(0.92 - STRAYS);
    });

    it(`covers the true ratio of two samples, of ${rounds} and 12`, () => {
      const share = covered(RUNS, 0.5, () => {
        const of = some(rounds, () => 500 * Math.exp(0.2 * noise()));
        return unpairedRatio(of, some(12, () => 1000 * Math.exp(0.1 * noise())))!;
      });
      expect(share).toBeGreaterThan(0.95 - 2 * STRAYS);
    });
  }

  it("does not cover everything: a difference of 10 % shows in rounds that vary by 1 %", () => {
    const base = some(10, () => 1000 * (1 + 0.01 * noise()));
    const { ratio, low, high } = pairedRatio(
      base.map((x) => 1.1 * x * (1 + 0.01 * noise())),
      base,
    )!;
    expect(low).toBeGreaterThan(1.05);
    expect(high).toBeLessThan(1.15);
    expect(low <= ratio && ratio <= high).toBe(true);
  });

  it("of pairs leaves out what both have in common", () => {
    const base = some(10, () => 1000 * (1 + random()));
    const other = base.map((x) => 1.1 * x);
    const paired = pairedRatio(other, base)!;
    expect(paired.high - paired.low).toBeLessThan(1e-9);
    const apart = unpairedRatio(other, base)!;
    expect(apart.low).toBeLessThan(1);
    expect(apart.high).toBeGreaterThan(1.2);
  });

  it("is none with fewer than three measurements, or where one is nothing", () => {
    expect(pairedRatio([1, 2], [1, 2])).toBe(null);
    expect(pairedRatio([1, 2, 3], [1, 2])).toBe(null);
    expect(unpairedRatio([1, 2, 3, 4], [])).toBe(null);
    expect(pairedRatio([0, 1, 1], [1, 2, 3])).toBe(null);
    expect(pairedRatio([1, 2, 3], [0, 2, 3])).toBe(null);
  });
});

describe("Student's t", () => {
  it("is that of the tables", () => {
    const table = [[1, 12.706], [2, 4.303], [3, 3.182], [4, 2.776], [9, 2.262], [100, 1.984]];
    for (const [degrees, t] of table) expect(studentT(degrees!)).toBeCloseTo(t!, 3);
    expect(studentT(4, 0.99)).toBeCloseTo(4.604, 3);
    expect(studentT(2.5)).toBeGreaterThan(studentT(3));
  });
});

describe("the confidence of repeated runs", () => {
  const round = (rate: number, p99: number) => {
    const sample = SAMPLE;
    return {
      ...sample,
      rate: { ...sample.rate, messages_per_s: rate },
      latency_us: { ...sample.latency_us, p99 },
    };
  };
  const SAMPLE = sampleResult({ seconds: 1 });

  it("is reached when rate and p99 are both known within P percent", () => {
    const of = (rates: number[], p99s: number[], wanted: number) =>
      confidenceOf(rates.map((rate, i) => round(rate, p99s[i]!)), wanted)!;
    const [rates, p99s] = [[1000, 1010, 990, 1000], [500, 550, 450, 500]];
    expect(of(rates, rates, 5).reached).toBe(true);
    expect(of(rates, p99s, 5)).toMatchObject({ reached: false, wanted_percent: 5, rounds: 4 });
    const { rate, p99 } = of(rates, p99s, 5);
    expect(rate!.percent).toBeLessThan(3);
    expect(p99!.percent).toBeGreaterThan(10);
    expect(p99!.low < 500 && p99!.high > 500).toBe(true);
    expect(confidenceOf([round(1, 1), round(1, 1)], 5)).toBe(null);
  });

  it("covers the truth although the rounds end where it is narrow", () => {
    const t = new Map(some(31, () => 0).map((_, n) => [n, n < 3 ? 0 : studentT(n - 1, 0.98)]));
    for (const varies of [0.01, 0.02, 0.04]) {
      const share = covered(RUNS, 1000, () => {
        const logs: number[] = [];
        for (;;) {
          logs.push(Math.log(1000) + varies * noise());
          const n = logs.length;
          if (n < ROUNDS.fewest) continue;
          const mean = logs.reduce((sum, x) => sum + x, 0) / n;
          const squares = logs.reduce((sum, x) => sum + (x - mean) ** 2, 0);
          const half = t.get(n)! * Math.sqrt(squares / (n - 1) / n);
          const [low, high] = [Math.exp(mean - half), Math.exp(mean + half)];
          if ((high - low) / 2 / Math.exp(mean) <= 0.025 || n === ROUNDS.most) return { low, high };
        }
      });
      expect(share).toBeGreaterThan(0.95 - STRAYS / 2);
    }
    // The same numbers as the product's.
    const values = some(7, () => 1000 * Math.exp(0.03 * noise()));
    const { low, high, mean } = meanInterval(values, 0.98)!;
    expect(Math.log(high / mean)).toBeCloseTo(Math.log(mean / low), 9);
    expect(confidenceOf(values.map((rate) => round(rate, 1)), 1)!.rate).toEqual(
      meanInterval(values, 0.98)!,
    );
  });
});
