/** Whether a result holds its thresholds. Apart from their parser, which needs no package. */
import { errorCount } from "../../result/figures.ts";
import { recorderOf, unansweredIn } from "../../result/histograms.ts";
import type { Judged } from "../../result/judgement.ts";
import { type Distribution, isOver } from "../../result/recorder.ts";
import type { StressResult } from "../../result/result.ts";
import type { CountName, LatencyKind, Metric, Operator, Threshold } from "./threshold.ts";

/**
 * Judges a result. A latency of which nothing was measured holds nothing, nor does a percentile that falls among
 * messages that were never answered: it is above all that is known.
 */
export function judge(result: StressResult, thresholds: readonly Threshold[]): Judged[] {
  return thresholds.map(({ expression, metric, operator, limit }) => {
    const value = valueOf(result, metric);
    const ok = value !== null && !isUnknown(result, metric) && COMPARE[operator](value, limit);
    return { expression, value: value ?? 0, ok };
  });
}

export const holds = ({ operator, limit }: Threshold, value: number): boolean =>
  COMPARE[operator](value, limit);

/** Whether the value of a metric is only what it is above. */
export function isUnknown(result: StressResult, metric: Metric): boolean {
  if (metric.kind !== "latency" && metric.kind !== "corrected") return false;
  const distribution = distributionOf(result, metric.kind);
  const percent = metric.of === "max" ? 100 : metric.of;
  return distribution !== null && typeof percent === "number" && isOver(distribution, percent);
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

function countOf(result: StressResult, name: CountName): number {
  const { messages, connections, generator } = result;
  switch (name) {
    case "errors":
      return errorCount(result);
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

const KEYS = new Map<number | string, keyof Distribution>([
  [50, "p50"],
  [90, "p90"],
  [99, "p99"],
  [99.9, "p99_9"],
  [99.99, "p99_99"],
  [99.999, "p99_999"],
  [100, "max"],
  ["min", "min"],
  ["mean", "mean"],
  ["max", "max"],
]);

function distributionOf(
  result: StressResult,
  kind: Exclude<LatencyKind, "lag">,
): Distribution | null {
  if (kind === "latency") return result.latency_us;
  return kind === "corrected" ? result.latency_corrected_us : result.connect_us;
}

function quantileOf(
  result: StressResult,
  kind: Exclude<LatencyKind, "lag">,
  of: string | number,
): number | null {
  const distribution = distributionOf(result, kind);
  if (distribution === null) return null;
  const { count, unanswered } = distribution;
  if (count + unanswered === 0 || (count === 0 && (of === "min" || of === "mean"))) return null;
  const key = KEYS.get(of);
  if (key !== undefined) return distribution[key];
  const name = kind === "corrected" ? "latency_corrected" : kind;
  const waited = unanswered > 0 ? unansweredIn(result) : undefined;
  return recorderOf(result, name)?.percentile(of as number, waited) ?? null;
}
