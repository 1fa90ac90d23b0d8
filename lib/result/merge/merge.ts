/** Results of several runs, machines or processes as the result of one, without loss. */
import { allParts, mergeConfig, mergeMachines, mergeTexts, peakOf, timesOf } from "./config.ts";
import {
  mergeCounts,
  mergeGenerators,
  mergeKernels,
  mergeLatencies,
  mergeMismatches,
  mergeSlowest,
} from "./parts.ts";
import { mergeTimelines } from "./timeline.ts";
import { expectsNothing, isOpenLoop, settingsOf } from "../../report/load.ts";
import type { StressResult } from "../result.ts";
import { parseThreshold } from "../../report/judge/threshold.ts";
import { judge } from "../../report/judge/judge.ts";

/** How results are merged. */
export interface MergeOptions {
  /** One or more are missing in this sum. */
  readonly missing?: boolean;
  /** All were made on one machine; by default that is so if they went to a loopback address. */
  readonly oneMachine?: boolean;
  /** Thresholds of the sum, beside those of its parts, which are judged anew. */
  readonly thresholds?: readonly string[];
}

/**
 * The sum of results. Counts and histograms add up, and percentiles are those of the sum; the duration
 * is the time in which any of the runs went on, and rates are per second of that. The sum of sums is the
 * sum of their parts, in any order.
 *
 * @throws RangeError when they are of different kinds, such as an open loop and a closed one
 */
export function mergeResults(
  results: readonly StressResult[],
  options: MergeOptions = {},
): StressResult {
  if (results.length === 0) throw new RangeError("Cannot merge no results at all");
  checkKinds(results);
  const parts = allParts(results);
  const latencies = mergeLatencies(results);
  const messages = addUp(results.map((result) => result.messages));
  const bytes = addUp(results.map((result) => result.bytes));
  const seconds = Math.max(timesOf(parts).any, 0.001);
  const done = expectsNothing(results[0]!) ? messages.sent : messages.verified;
  const oneMachine = options.oneMachine ?? results.every(({ target }) => isLocal(target));
  const sum: StressResult = {
    iomux: mergeTexts(results.map(({ iomux }) => iomux)),
    target: mergeTexts(results.map(({ target }) => target)),
    selector: mergeTexts(results.map(({ selector }) => selector)),
    config: mergeConfig(results),
    interrupted: results.some(({ interrupted }) => interrupted),
    partial: options.missing === true || results.some(({ partial }) => partial),
    started_at: parts.map((part) => part.started_at).sort()[0]!,
    duration_s: seconds,
    drain_s: Math.max(...results.map(({ drain_s }) => drain_s)),
    connections: { ...addUp(results.map((result) => result.connections)), peak: peakOf(parts) },
    messages,
    bytes,
    rate: {
      messages_per_s: Math.round(done / seconds * 10) / 10,
      bytes_per_s: Math.round(
        (expectsNothing(results[0]!) ? bytes.sent : bytes.received) / seconds,
      ),
    },
    ...latencies,
    in_flight: null,
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
  const expressions = [...results.flatMap(expressionsOf), ...options.thresholds ?? []];
  const thresholds = [...new Set(expressions)].sort().map((text) => parseThreshold(text));
  sum.thresholds = judge(sum, thresholds);
  sum.verdict = worstVerdict(sum, results);
  return sum;
}

const expressionsOf = (result: StressResult) =>
  result.thresholds.map(({ expression }) => expression);

/** An address of this machine, as a result has it. */
const isLocal = (target: string) => /^(127\.|localhost:|\[::1\]|unix:)/.test(target);

/** The sums of all counts. */
function addUp<T extends { [K in keyof T]: number }>(all: readonly T[]): T {
  return mergeCounts(all as readonly Record<string, number>[]) as T;
}

/** Whether everything came back as it must. */
export const isClean = ({ messages, connections }: StressResult): boolean =>
  messages.mismatched + messages.timed_out + messages.lost + connections.failed +
      connections.lost === 0;

function worstVerdict(
  sum: StressResult,
  results: readonly StressResult[],
): StressResult["verdict"] {
  const holds = ({ thresholds }: StressResult) => thresholds.every(({ ok }) => ok);
  // For a reason that is not in its counts, such as a regression against a baseline.
  const failed = (one: StressResult) => one.verdict === "fail" && isClean(one) && holds(one);
  if (!isClean(sum) || !holds(sum) || results.some(failed)) return "fail";
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
    throw new RangeError(`Cannot merge results whose ${what} are ${one} and ${other}`);
  }
}
