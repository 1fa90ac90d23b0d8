/** `--confidence P`: whether enough rounds have been made for rate and p99 to be known within P percent. */
import type { ConfidenceReport } from "../../result/judgement.ts";
import type { StressResult } from "../../result/result.ts";
import { latencyOf } from "./compare.ts";
import { CONFIDENCE, meanInterval } from "./interval.ts";

/** Rounds at least, and at most. */
export const ROUNDS = { fewest: 3, most: 30 } as const;

/**
 * Who stops as soon as an interval is narrow stops where it happens to be too narrow: 95 % intervals then cover
 * 90 %. Those of 98 % cover 96 %, which the test of this file measures.
 */
const SHARE = 0.98;
const METHOD =
  "Student's t on logarithms, at 98 % because the rounds end where the intervals are narrow";

/** What the rounds so far have come to; null as long as there are fewer than three, each with a rate. */
export function confidenceOf(
  rounds: readonly StressResult[],
  wanted: number,
): ConfidenceReport | null {
  const rate = meanInterval(rounds.map((round) => round.rate.messages_per_s), SHARE);
  const replies = rounds.some((round) => latencyOf(round).count > 0);
  const p99 = replies ? meanInterval(rounds.map((round) => latencyOf(round).p99), SHARE) : null;
  const hopeless = rounds.some((round) => round.rate.messages_per_s === 0);
  if (!hopeless && (rate === null || (replies && p99 === null))) return null;
  const reached = rate !== null && rate.percent <= wanted &&
    (p99 === null || p99.percent <= wanted);
  return {
    ...{ wanted_percent: wanted, reached, rounds: rounds.length },
    ...{ confidence: CONFIDENCE, method: METHOD, rate, p99 },
  };
}
