/** The figures of results as sums: histograms, the generator, counters. */
import { encodeHistograms, type HistogramName, recorderOf, unansweredIn } from "../histograms.ts";
import { Recorder } from "../recorder.ts";
import type { GeneratorReport, Mismatch, SlowConnection, StressResult } from "../result.ts";
import { limitOf } from "./parts.ts";

const SLOWEST = 5;

/** The sum of a histogram over all results; undefined when one of them has none. */
function mergeHistogram(
  results: readonly StressResult[],
  name: HistogramName,
): Recorder | undefined {
  const total = new Recorder();
  for (const result of results) {
    const recorder = recorderOf(result, name);
    if (!recorder) return undefined;
    total.add(recorder);
  }
  return total;
}

export function mergeLatencies(
  results: readonly StressResult[],
): Pick<StressResult, "latency_us" | "latency_corrected_us" | "connect_us" | "histograms"> {
  const latency = mergeHistogram(results, "latency")!;
  const corrected = mergeHistogram(results, "latency_corrected");
  const connect = mergeHistogram(results, "connect")!;
  const lag = mergeHistogram(results, "schedule_lag");
  const never = results.map(unansweredIn);
  const inFlight = new Recorder();
  for (const { cutOff } of never) if (cutOff) inFlight.add(cutOff);
  const unanswered = {
    count: never.reduce((total, { count }) => total + count, 0),
    us: Math.max(...never.map(({ us }) => us)),
    cutOff: inFlight,
  };
  return {
    latency_us: latency.summary(unanswered),
    latency_corrected_us: corrected?.summary(unanswered) ?? null,
    connect_us: connect.summary(),
    histograms: encodeHistograms(
      { latency, corrected, connect, lag, inFlight },
      results.reduce((total, { histograms }) => total + histograms.overflow, 0),
    ),
  };
}

/** The generators as one: the busiest counts, and what one of them lacked is lacking. */
export function mergeGenerators(results: readonly StressResult[]): GeneratorReport {
  const all = results.map(({ generator }) => generator);
  const sum = (pick: (one: GeneratorReport) => number) =>
    all.reduce((total, one) => total + pick(one), 0);
  const most = (pick: (one: GeneratorReport) => number) => Math.max(...all.map(pick));
  const lag = mergeHistogram(results, "schedule_lag")?.summary();
  return {
    cpu_percent: most((one) => one.cpu_percent),
    schedule_lag_us: {
      p50: lag?.p50 ?? most((one) => one.schedule_lag_us.p50),
      p99: lag?.p99 ?? most((one) => one.schedule_lag_us.p99),
      max: most((one) => one.schedule_lag_us.max),
    },
    timer_us: mergeTimers(results),
    bottleneck: all.some((one) => one.bottleneck),
    ...limitOf(results),
    loop_stalls: {
      count: sum((one) => one.loop_stalls.count),
      max_us: most((one) => one.loop_stalls.max_us),
    },
    cpu_s: {
      user: tidy(sum((one) => microseconds(one.cpu_s.user))),
      system: tidy(sum((one) => microseconds(one.cpu_s.system))),
    },
    scheduled: all.every((one) => one.scheduled === null) ? null : sum((one) => one.scheduled ?? 0),
    unsent: sum((one) => one.unsent),
  };
}

/** The least precise timer of all, and what was added to a message on average; null where one has none. */
function mergeTimers(results: readonly StressResult[]): GeneratorReport["timer_us"] {
  const all = results.map(({ generator, messages }) => ({
    timer: generator.timer_us,
    sent: messages.sent,
  }));
  const timers = all.flatMap(({ timer }) => timer ?? []);
  if (timers.length < all.length) return null;
  const most = (key: "p50" | "p99" | "together") => Math.max(...timers.map((timer) => timer[key]));
  const sum = (pick: (one: typeof all[number]) => number) =>
    all.reduce((total, one) => total + pick(one), 0);
  const added = sum(({ timer, sent }) => Math.round(timer!.added * sent));
  return {
    ...{ p50: most("p50"), p99: most("p99"), together: most("together") },
    added: tidy(microseconds(added / Math.max(1, sum(({ sent }) => sent)))),
  };
}

// As whole numbers, so that their sum does not depend on the order.
const microseconds = (seconds: number) => Math.round(seconds * 1e6);
const tidy = (us: number) => us / 1e6;

/** Counts by name: their sums, or the highest of each. */
export function mergeCounts(
  all: readonly Record<string, number>[],
  join: (a: number, b: number) => number = (a, b) => a + b,
): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const name of [...new Set(all.flatMap(Object.keys))].sort()) {
    merged[name] = all.map((counts) => counts[name] ?? 0).reduce(join);
  }
  return merged;
}

/**
 * The system's counters. Those of one machine have seen the same, or one of them more of it; the
 * counters of several machines add up.
 */
export function mergeKernels(
  results: readonly StressResult[],
  oneMachine: boolean,
): Record<string, number> | null {
  const kernels = results.map(({ kernel }) => kernel).filter((kernel) => kernel !== null);
  if (kernels.length === 0) return null;
  return mergeCounts(kernels, oneMachine ? (a, b) => Math.max(a, b) : undefined);
}

/** Of the mismatches the one with the lowest connection number and offset: which one came first is not known. */
export function mergeMismatches(results: readonly StressResult[]): Mismatch | null {
  const found = results.flatMap(({ first_mismatch: first }) => first ?? []);
  const text = (one: Mismatch) => one.kind + one.expected + one.actual;
  return found.sort((a, b) =>
    a.connection - b.connection || a.offset - b.offset || (text(a) < text(b) ? -1 : 1)
  )[0] ?? null;
}

/** Worst first. */
export const mergeSlowest = (
  results: readonly { readonly slowest: readonly SlowConnection[] }[],
): SlowConnection[] =>
  results.flatMap(({ slowest }) => slowest).sort((a, b) =>
    b.latency_us - a.latency_us || a.connection - b.connection ||
    (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
  ).slice(0, SLOWEST);
