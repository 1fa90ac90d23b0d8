/** Results of several runs or machines as the result of one, without loss. */
import { inFlightOf, isClean } from "../figures.ts";
import type { StressResult } from "../result.ts";
import { expectsNothing, isOpenLoop, settingsOf } from "../settings.ts";
import { mergeConfig, mergeMachines, mergeTexts } from "./config.ts";
import {
  mergeCounts,
  mergeGenerators,
  mergeKernels,
  mergeLatencies,
  mergeMismatches,
  mergeSlowest,
} from "./figures.ts";
import { allParts, askedOf, checkDistinct, peakOf, ratesOf, timesOf } from "./parts.ts";
import { meanRoundTrip } from "../round_trip.ts";
import { mergeTimelines } from "./timeline.ts";

export interface MergeOptions {
  readonly missing?: boolean;
  /** All were made on one machine; by default that is so if they went to a loopback address. */
  readonly oneMachine?: boolean;
  readonly names?: readonly string[];
}

/**
 * The sum of results. Counts and histograms add up, and percentiles are those of the sum; the duration
 * is the time in which any of the runs went on, and rates are per second of that. The sum of sums is the
 * sum of their parts, in any order. It has no thresholds: these are judged anew, by the sum.
 *
 * @throws RangeError when they are of different kinds, such as an open loop and a closed one, or when a run is
 * in two of them
 */
export function mergeResults(
  results: readonly StressResult[],
  options: MergeOptions = {},
): StressResult {
  if (results.length === 0) throw new RangeError("Cannot add up no results at all");
  checkKinds(results);
  checkDistinct(results, options.names ?? results.map((_, i) => `result ${i + 1}`));
  const parts = allParts(results);
  const messages = addUp(results.map((result) => result.messages));
  const latencies = mergeLatencies(results);
  const rate = ratesOf(parts);
  const asked = askedOf(parts);
  const oneMachine = options.oneMachine ?? results.every(({ target }) => isLocal(target));
  const sum: StressResult = {
    iomux: mergeTexts(results.map(({ iomux }) => iomux)),
    target: mergeTexts(results.map(({ target }) => target)),
    selector: mergeTexts(results.map(({ selector }) => selector)),
    config: mergeConfig(results),
    interrupted: results.some(({ interrupted }) => interrupted),
    ...(results.some(({ aborted }) => aborted) ? { aborted: true } : {}),
    partial: options.missing === true || results.some(({ partial }) => partial),
    started_at: parts.map((part) => part.started_at).sort()[0]!,
    duration_s: timesOf(parts).any,
    drain_s: Math.max(...results.map(({ drain_s }) => drain_s)),
    connections: { ...addUp(results.map((result) => result.connections)), peak: peakOf(parts) },
    messages,
    bytes: addUp(results.map((result) => result.bytes)),
    rate: {
      messages_per_s: Math.round(rate.messages * 1000) / 1000,
      bytes_per_s: Math.round(rate.bytes),
    },
    ...latencies,
    kernel_rtt_us: meanRoundTrip(results.map(({ kernel_rtt_us: rtt }) => rtt)),
    in_flight: asked === null ? null : inFlightOf(asked, rate.messages, latencies.latency_us),
    errors: mergeCounts(results.map(({ errors }) => errors)),
    first_mismatch: mergeMismatches(results),
    generator: mergeGenerators(results),
    kernel: mergeKernels(results, oneMachine),
    slowest: mergeSlowest(results),
    server: results.length === 1 ? results[0]!.server : null,
    thresholds: [],
    verdict: "pass",
    timeline: mergeTimelines(results),
    machine: mergeMachines(results.map(({ machine }) => machine)),
  };
  return { ...sum, verdict: worstVerdict(sum, results) };
}

const isLocal = (target: string) => /^(127\.|localhost:|\[::1\]|unix:)/.test(target);

function addUp<T extends { [K in keyof T]: number }>(all: readonly T[]): T {
  return mergeCounts(all as readonly Record<string, number>[]) as T;
}

/** Before thresholds are judged. A part may have failed for a reason that is not in its counts. */
function worstVerdict(
  sum: StressResult,
  results: readonly StressResult[],
): StressResult["verdict"] {
  const failed = (one: StressResult) =>
    one.verdict === "fail" && isClean(one) && one.thresholds.every(({ ok }) => ok);
  if (!isClean(sum) || results.some(failed)) return "fail";
  return sum.generator.bottleneck ? "invalid" : "pass";
}

/** What must be the same for a sum to mean anything. @throws RangeError */
function checkKinds(results: readonly StressResult[]): void {
  const kinds: [what: string, kind: (result: StressResult) => string][] = [
    ["loops", (result) => isOpenLoop(result) ? "open (--rate)" : "closed"],
    ["replies", (result) => expectsNothing(result) ? "not awaited (--expect none)" : "awaited"],
    ["loads", (result) => settingsOf(result).hold ? "held (--hold)" : "not held"],
  ];
  for (const [what, kind] of kinds) {
    const [one, other] = [...new Set(results.map(kind))].sort();
    if (other === undefined) continue;
    throw new RangeError(`Cannot add up results whose ${what} are ${one} and ${other}`);
  }
}
