/** The histograms of a result: out of it, and into it. */
import { decodeHistogram, encodeHistogram } from "./hdr.ts";
import { type Recorder, type Unanswered, UNIT_NS } from "./recorder.ts";
import type { Histograms, StressResult } from "./result.ts";
import { settingsOf } from "./settings.ts";

const UNITS_PER_US = 1000 / UNIT_NS;

export type HistogramName =
  | "latency"
  | "latency_corrected"
  | "connect"
  | "schedule_lag"
  | "in_flight";

const DISTRIBUTIONS = {
  latency: "latency_us",
  latency_corrected: "latency_corrected_us",
  connect: "connect_us",
} as const;

/**
 * A histogram of a result with its exact extremes and sum; undefined when there is none.
 *
 * @throws Error when it is damaged
 */
export function recorderOf(result: StressResult, name: HistogramName): Recorder | undefined {
  const text = result.histograms[name];
  if (!text) return undefined;
  const recorder = decodeHistogram(text);
  if (name === "schedule_lag" || name === "in_flight") return recorder;
  const distribution = result[DISTRIBUTIONS[name]];
  if (distribution === null || distribution.count === 0) return recorder;
  const units = (us: number) => Math.round(us * UNITS_PER_US);
  recorder.refine({
    min: units(distribution.min),
    max: result.histograms.maxima[name],
    sum: result.histograms.sums[name],
    overflow: 0, // known for all histograms of a result together
  });
  return recorder;
}

/** Messages of a result that were never answered, and how long they were waited for. */
export function unansweredIn(result: StressResult): Unanswered {
  const cutOff = recorderOf(result, "in_flight");
  return {
    count: result.latency_us.unanswered - (cutOff?.count ?? 0),
    us: (settingsOf(result).timeoutMs ?? 0) * 1000,
    ...(cutOff ? { cutOff } : {}),
  };
}

/** The latencies of a result with those of messages that were never answered: as long as was waited, or the highest. */
export function latenciesOf(
  result: StressResult,
  name: "latency" | "latency_corrected",
): Recorder | undefined {
  const recorder = recorderOf(result, name);
  if (recorder && result.latency_us.unanswered > 0) {
    const { count, us, cutOff } = unansweredIn(result);
    const { max } = recorder.exact;
    const waited = (units: number, n: number) => recorder.recordUnits(Math.max(units, max), n);
    for (const [units, n] of cutOff?.units() ?? []) waited(units, n);
    if (count > 0) waited(Math.round(us * UNITS_PER_US), count);
  }
  return recorder;
}

export interface Recorders {
  readonly latency: Recorder;
  readonly corrected?: Recorder | undefined;
  readonly connect: Recorder;
  readonly lag?: Recorder | undefined;
  readonly inFlight?: Recorder | undefined;
}

/** As a result has them. `overflow` is how many values were above the range. */
export const encodeHistograms = (
  { latency, corrected, connect, lag, inFlight }: Recorders,
  overflow: number,
): Histograms => ({
  unit_ns: UNIT_NS,
  latency: encodeHistogram(latency),
  latency_corrected: corrected ? encodeHistogram(corrected) : null,
  connect: encodeHistogram(connect),
  ...(lag ? { schedule_lag: encodeHistogram(lag) } : {}),
  ...(inFlight && inFlight.count > 0 ? { in_flight: encodeHistogram(inFlight) } : {}),
  sums: {
    latency: latency.exact.sum,
    latency_corrected: corrected?.exact.sum ?? 0,
    connect: connect.exact.sum,
  },
  maxima: {
    latency: latency.exact.max,
    latency_corrected: corrected?.exact.max ?? 0,
    connect: connect.exact.max,
  },
  overflow,
});
