/** The histograms of a result: out of it, and into it. */
import { decodeHistogram, encodeHistogram } from "./hdr.ts";
import { type Recorder, UNIT_NS } from "./recorder.ts";
import type { Histograms, StressResult } from "./result.ts";
import { settingsOf } from "./settings.ts";

const UNITS_PER_US = 1000 / UNIT_NS;

/** Names of the histograms of a result. */
export type HistogramName = "latency" | "latency_corrected" | "connect" | "schedule_lag";

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
  if (name === "schedule_lag") return recorder;
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

/** The latencies of a result with those of messages that were never answered: as long as was waited, or the highest. */
export function latenciesOf(
  result: StressResult,
  name: keyof typeof DISTRIBUTIONS,
): Recorder | undefined {
  const recorder = recorderOf(result, name);
  const unanswered = result[DISTRIBUTIONS[name]]?.unanswered ?? 0;
  if (recorder && unanswered > 0) {
    const waited = Math.round((settingsOf(result).timeoutMs ?? 0) * 1000 * UNITS_PER_US);
    recorder.recordUnits(Math.max(waited, recorder.exact.max), unanswered);
  }
  return recorder;
}

export interface Recorders {
  readonly latency: Recorder;
  readonly corrected?: Recorder | undefined;
  readonly connect: Recorder;
  readonly lag?: Recorder | undefined;
}

/** As a result has them. `overflow` is how many values were above the range. */
export const encodeHistograms = (
  { latency, corrected, connect, lag }: Recorders,
  overflow: number,
): Histograms => ({
  unit_ns: UNIT_NS,
  latency: encodeHistogram(latency),
  latency_corrected: corrected ? encodeHistogram(corrected) : null,
  connect: encodeHistogram(connect),
  ...(lag ? { schedule_lag: encodeHistogram(lag) } : {}),
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
