// Loads in turn: the order of rounds, and what an interrupt leaves of them.
import { describe, expect, it } from "bun:test";
import { compare } from "../../../lib/report/judge/compare.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { interleave, orderOf } from "../../../lib/stress/run/compare.ts";
import { sampleResult } from "../../support/sample_results.ts";

const sample = sampleResult({ seconds: 1 });

/** A result with these figures. */
const resultOf = (rate: number, p50: number, p99: number): StressResult => ({
  ...sample,
  rate: { ...sample.rate, messages_per_s: rate },
  latency_us: { ...sample.latency_us, p50, p99 },
});

describe("the order of rounds", () => {
  it("has everybody once a round, and in every place as often", () => {
    for (const count of [2, 3, 4]) {
      const places = Array.from({ length: count }, () => Array(count).fill(0));
      for (let round = 0; round < 2 * count; round++) {
        const order = orderOf(round, count);
        expect(order.toSorted()).toEqual(Array.from({ length: count }, (_, i) => i));
        order.forEach((index, place) => places[index]![place]++);
      }
      expect(places.flat().every((times) => times === 2)).toBe(true);
    }
  });

  it("runs rounds in that order and keeps results by name", async () => {
    const ran: string[] = [];
    const { rounds, interrupted } = await interleave(2, 3, (index, round) => {
      ran.push(`${round}:${index}`);
      return Promise.resolve(resultOf(100 * index + round, 1, 1));
    });
    expect(interrupted).toBe(false);
    expect(ran).toEqual(["0:0", "0:1", "1:1", "1:0", "2:1", "2:0"]);
    expect(rounds.map((round) => round.map((result) => result!.rate.messages_per_s)))
      .toEqual([[0, 100], [1, 101], [2, 102]]);
  });

  it("ends with an interrupted run, which does not count", async () => {
    let runs = 0;
    const { rounds, interrupted } = await interleave(2, 5, () => {
      runs++;
      return Promise.resolve({ ...resultOf(runs, 1, 1), interrupted: runs === 4 });
    });
    expect(interrupted).toBe(true);
    expect(runs).toBe(4);
    const { rounds: whole, rows } = compare(["a", "b"], rounds);
    expect(whole).toBe(1);
    expect(rows[1]!.rate).toEqual({ value: 2, ratio: null, word: null });
  });
});
