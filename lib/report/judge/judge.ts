/** Whether a result holds its thresholds. Apart from their parser, which needs no package. */
import { recorderOf } from "../../result/merge/parts.ts";
import type { Judged } from "../../result/judgement.ts";
import type { Distribution } from "../../result/recorder.ts";
import type { StressResult } from "../../result/result.ts";
import type { CountName, LatencyKind, Metric, Operator, Threshold } from "./threshold.ts";

/** Judges a result. A latency of which nothing was measured holds nothing. */
export function judge(result: StressResult, thresholds: readonly Threshold[]): Judged[] {
  return thresholds.map(({ expression, metric, operator, limit }) => {
    const value = valueOf(result, metric);
    const ok = value !== null && COMPARE[operator](value, limit);
    return { expression, value: value ?? 0, ok };
  });
}

/** The result with its thresholds, and a verdict that knows of them. */
export function judged(result: StressResult, thresholds: readonly Threshold[]): StressResult {
  if (thresholds.length === 0) return result;
  const outcome = judge(result, thresholds);
  const failed = outcome.some(({ ok }) => !ok);
  return { ...result, thresholds: outcome, verdict: failed ? "fail" : result.verdict };
}

const COMPARE: Record<Operator, (value: number, limit: number) => boolean> = {
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
  "==": (value, limit) => value === limit,
  "!=": (value, limit) => value !== limit,
};

/** What a metric is in a result; null when nothing was measured. */
export function valueOf(result: StressResult, metric: Metric): number | null {
  switch (metric.kind) {
    case "rate":
      return result.rate.messages_per_s;
    case "count":
      return countOf(result, metric.name);
    case "lag": {
      const { p50, p99, max } = result.generator.schedule_lag_us;
      return metric.of === 50 ? p50 : metric.of === 99 ? p99 : max;
    }
    default:
      return quantileOf(result, metric.kind, metric.of);
  }
}

function countOf({ messages, connections, generator }: StressResult, name: CountName): number {
  switch (name) {
    case "errors": // as in the timeline
      return connections.failed + connections.lost + messages.timed_out + messages.mismatched;
    case "mismatches":
      return messages.mismatched;
    case "lost":
      return messages.lost;
    case "timed_out":
      return messages.timed_out;
    case "failed":
      return connections.failed;
    case "lost_connections":
      return connections.lost;
    case "unsent":
      return generator.unsent;
  }
}

/** The percentiles that every distribution has. */
const KEYS = new Map<number | string, keyof Distribution>([
  [50, "p50"],
  [90, "p90"],
  [99, "p99"],
  [99.9, "p99_9"],
  [99.99, "p99_99"],
  [100, "max"],
  ["min", "min"],
  ["mean", "mean"],
  ["max", "max"],
]);

function quantileOf(
  result: StressResult,
  kind: Exclude<LatencyKind, "lag">,
  of: string | number,
): number | null {
  const { latency_us, latency_corrected_us, connect_us } = result;
  const distribution = kind === "latency"
    ? latency_us
    : kind === "corrected"
    ? latency_corrected_us
    : connect_us;
  if (distribution === null || distribution.count === 0) return null;
  const key = KEYS.get(of);
  if (key !== undefined) return distribution[key];
  const name = kind === "corrected" ? "latency_corrected" : kind;
  return recorderOf(result, name)?.percentile(of as number) ?? null;
}
