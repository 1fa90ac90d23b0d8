/** Results side by side: ratios to the first of them, and whether they differ by more than chance. */
import { CONFIDENCE, geometricMean, METHOD, pairedRatio } from "./interval.ts";
import type { Interval } from "../../result/judgement.ts";
import type { Round, StressResult } from "../../result/result.ts";

export type Word = "faster" | "slower" | "no significant difference";

export interface Measure {
  /** Its geometric mean over all rounds, whose ratios are those of the rounds: messages a second, or us. */
  readonly value: number;
  /** Its ratio to that of the first; null for the first itself, or with too few rounds. */
  readonly ratio: Interval | null;
  /** What the ratio says, if its interval leaves 1 out; null as above. */
  readonly word: Word | null;
}

export interface ComparisonRow {
  readonly name: string;
  readonly rate: Measure;
  readonly p50: Measure;
  /** From the scheduled send in an open loop. */
  readonly p99: Measure;
  /** The word of its rate; of its p99 in an open loop, where rates are given. null for the first. */
  readonly word: Word | null;
}

/** All of them, as `--json` prints it under `compare`. The ratios are to `rows[0]`. */
export interface Comparison {
  readonly rounds: number;
  readonly confidence: number;
  readonly method: string;
  readonly rows: readonly ComparisonRow[];
}

/** Compares the results of rounds. Those that an interrupt has left incomplete don't count. */
export function compare(names: readonly string[], rounds: readonly Round[]): Comparison {
  const whole = rounds.filter((round) => round.every((r) => r !== undefined)) as StressResult[][];
  const column = (index: number, pick: (result: StressResult) => number) =>
    whole.map((round) => pick(round[index]!));
  const rows = names.map((name, index): ComparisonRow => {
    const measure = (pick: (result: StressResult) => number, more: Word, less: Word): Measure => {
      const own = column(index, pick);
      const ratio = index === 0 ? null : pairedRatio(own, column(0, pick));
      const value = Math.round(geometricMean(own) * 10) / 10;
      return { value, ratio, word: wordOf(ratio, more, less) };
    };
    const rate = measure((r) => r.rate.messages_per_s, "faster", "slower");
    const p50 = measure((r) => latencyOf(r).p50, "slower", "faster");
    const p99 = measure((r) => latencyOf(r).p99, "slower", "faster");
    const open = whole.some(([first]) => first!.latency_corrected_us !== null);
    return { name, rate, p50, p99, word: open ? p99.word : rate.word };
  });
  return { rounds: whole.length, confidence: CONFIDENCE, method: METHOD, rows };
}

/** The latencies that count: from the scheduled send where there is a schedule. */
export const latencyOf = (result: StressResult): StressResult["latency_us"] =>
  result.latency_corrected_us ?? result.latency_us;

function wordOf(ratio: Interval | null, more: Word, less: Word): Word | null {
  if (ratio === null) return null;
  if (ratio.low > 1) return more;
  return ratio.high < 1 ? less : "no significant difference";
}
