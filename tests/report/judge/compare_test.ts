// Comparisons: ratios, words, and all rounds as one result.
import { describe, expect, it } from "bun:test";
import { compare } from "../../../lib/report/judge/compare.ts";
import { pool } from "../../../lib/result/merge/pool.ts";
import {
  comparisonSentences,
  comparisonTable,
  formatRatio,
} from "../../../lib/report/comparison.ts";
import type { Round, StressResult } from "../../../lib/result/result.ts";
import { drawTable } from "../../../lib/text/table.ts";
import { randomOf, sampleResult } from "../../support/sample_results.ts";

const sample = sampleResult({ seconds: 1 });
const openSample = sampleResult({ seconds: 1, open: true });

/** A result with these figures. */
const resultOf = (rate: number, p50: number, p99: number): StressResult => ({
  ...sample,
  rate: { ...sample.rate, messages_per_s: rate },
  latency_us: { ...sample.latency_us, p50, p99 },
});

describe("a comparison", () => {
  const random = randomOf(3);
  const around = (value: number) => value * (1 + 0.02 * (random() - 0.5));
  const rounds: Round[] = Array.from({ length: 8 }, () => {
    const slow = 1 + random(); // all of a round are slow together
    return [
      resultOf(around(100_000 / slow), around(200 * slow), around(900 * slow)),
      resultOf(around(50_000 / slow), around(400 * slow), around(900 * slow)),
      resultOf(around(120_000 / slow), around(160 * slow), around(300 * slow)),
      resultOf(around(100_000 / slow), around(200 * slow), around(900 * slow)),
    ];
  });
  const comparison = compare(["base", "half", "more", "same"], rounds);

  it("tells ratios to the first, although rounds differ by more than what is compared", () => {
    const [base, half, more, same] = comparison.rows;
    expect([base!.rate.ratio, base!.word]).toEqual([null, null]);
    expect(half!.rate.ratio!.ratio).toBeCloseTo(0.5, 1);
    expect(half!.rate.ratio!.high).toBeLessThan(0.55);
    expect(more!.rate.ratio!.low).toBeGreaterThan(1.1);
    expect([half!.word, more!.word]).toEqual(["slower", "faster"]);
    const { low, high } = same!.rate.ratio!;
    expect(low < 1.02 && high > 0.98).toBe(true);
    expect(comparison.rounds).toBe(8);
  });

  it("calls lower latencies faster", () => {
    const [, half, more] = comparison.rows;
    expect([half!.p50.word, more!.p50.word, more!.p99.word]).toEqual([
      "slower",
      "faster",
      "faster",
    ]);
    expect(half!.p50.ratio!.ratio).toBeCloseTo(2, 0);
  });

  it("finds no difference in results that differ by chance", () => {
    const equal = Array.from({ length: 6 }, (_, i) => [
      resultOf(100 + 10 * (i % 3), 5, 5),
      resultOf(100 + 10 * ((i + 1) % 3), 5, 5),
    ]);
    expect(compare(["a", "b"], equal).rows[1]!.word).toBe("no significant difference");
  });

  it("goes by the corrected p99 in an open loop, where rates are given", () => {
    const at = (p99: number): StressResult => ({
      ...openSample,
      latency_corrected_us: { ...openSample.latency_corrected_us!, p99 },
    });
    const { rows } = compare(
      ["a", "b"],
      Array.from({ length: 5 }, (_, i) => [
        at(1000 + i),
        at(3000 + i),
      ]),
    );
    expect(rows[1]!.rate.ratio!.ratio).toBe(1);
    expect(rows[1]!.p99.value).toBe(3002);
    expect(rows[1]!.word).toBe("slower");
  });

  it("has a dash for what nothing was measured of", () => {
    const none = Array.from({ length: 4 }, () => [resultOf(1000, 5, 9), resultOf(0, 0, 0)]);
    const { rows } = comparisonTable(compare(["base", "deaf"], none), false);
    expect(rows.slice(3).map((row) => row[2])).toEqual(["-", "-", "-"]);
  });

  it("is a table and sentences", () => {
    const table = comparisonTable(comparison, false);
    expect(table.rows.map((row) => row[0]).filter((name) => name !== "")).toEqual([
      ...["base", "half", "more", "same"],
    ]);
    for (const row of table.rows) expect(row.length).toBe(table.head.length);
    const lines = drawTable(table, 80).trimEnd().split("\n");
    expect(lines[0]).toMatch(/^ +mean +ratio to base +difference$/);
    expect(lines[4]).toMatch(/^half +messages\/s +[\d,]+ +0\.\d\d \[0\.\d\d, 0\.\d\d\] +slower$/);
    expect(lines[5]).toMatch(/^ +p50 +[\d.]+ us +[12]\.\d\d \[1\.\d\d, 2\.\d\d\] +slower$/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(81);
    const sentences = comparisonSentences(comparison, false);
    expect(sentences[0]).toMatch(
      /^half is slower than base: 0\.\d\d times its messages\/s, between 0\.\d\d and 0\.\d\d with 95 % /,
    );
    expect(sentences[1]).toMatch(/^more is faster than base: 1\.\d\d times/);
    expect(comparisonSentences(compare(["a", "b"], rounds.slice(0, 2)), false)[0])
      .toMatch(/^b: no ratio: less than three whole rounds/);
  });

  it("shows ratios of any size with digits that tell something", () => {
    expect(formatRatio({ ratio: 0.00123, low: 0.001, high: 12.345 }))
      .toBe("0.0012 [0.0010, 12.35]");
  });
});

describe("all rounds as one result", () => {
  it("have their own rate, and the percentiles of all replies", () => {
    const rounds = [1, 2, 3].map((seed) => ({
      ...sampleResult({ seconds: 1, seed }),
      target: `127.0.0.1:${40_000 + seed}`,
      started_at: new Date(Date.UTC(2026, 0, 1, 0, 0, 10 * seed)).toISOString(),
    }));
    const sum = pool(rounds);
    const count = rounds.reduce((total, { latency_us }) => total + latency_us.count, 0);
    expect(sum.latency_us.count).toBe(count);
    expect(sum.latency_us.max).toBe(Math.max(...rounds.map(({ latency_us }) => latency_us.max)));
    expect(sum.duration_s).toBeCloseTo(3, 3); // and not the 21 s from the first to the last
    expect(sum.rate.messages_per_s).toBeCloseTo(count / 3, 0);
    expect(sum.connections.requested).toBe(50);
    expect(sum.connections.peak).toBe(50);
    expect(sum.config.connections).toBe(50);
    expect(sum.target).toBe("127.0.0.1");
    expect(pool(rounds.slice(0, 1))).toBe(rounds[0]!);
  });
});
