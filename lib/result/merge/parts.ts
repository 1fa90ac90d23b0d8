/** The runs that a sum is made of: which they are, when they were, and which of them was worst off. */
import { createHash } from "node:crypto";
import type { GeneratorReport, StressResult } from "../result.ts";
import type { Settings } from "../settings.ts";

/** A run that is part of a sum, as `config.parts` lists it. */
export interface Part {
  readonly target: string;
  readonly started_at: string;
  readonly duration_s: number;
  /** Connections that it had open at the same time, at most. */
  readonly peak: number;
  /** The same for the same run only. */
  readonly id: string;
  /** Messages that its rate is of, and their bytes: what came back until the stop. */
  readonly done: number;
  readonly done_bytes: number;
  /** How many bytes were verified; null where their sizes are none of a stream's, or random. */
  readonly verified_bytes?: number | null;
  /** Messages that were to be in flight; null without a closed loop. */
  readonly in_flight: number | null;
  readonly generator: Limit;
}

/** What limited a run, and by what one knows how badly off its generator was. */
interface Limit {
  readonly bottleneck: boolean;
  readonly unsent: number;
  readonly lag_p99_us: number;
  readonly stall_us: number;
  readonly cpu_percent: number;
  readonly reason: string | null;
  readonly limited_by: string;
}

/** The runs that a result is the sum of: itself, if it is none. */
export function partsOf(result: StressResult): Part[] {
  const { parts } = result.config;
  if (Array.isArray(parts)) return parts;
  const { target, started_at, duration_s, connections, generator } = result;
  return [{
    ...{ target, started_at, duration_s, peak: connections.peak },
    id: identityOf(result),
    done: Math.round(result.rate.messages_per_s * duration_s),
    done_bytes: Math.round(result.rate.bytes_per_s * duration_s),
    verified_bytes: verifiedBytes(result),
    in_flight: result.in_flight?.asked ?? null,
    generator: {
      bottleneck: generator.bottleneck,
      unsent: generator.unsent,
      lag_p99_us: generator.schedule_lag_us.p99,
      stall_us: generator.loop_stalls.max_us,
      cpu_percent: generator.cpu_percent,
      reason: generator.reason,
      limited_by: generator.limited_by,
    },
  }];
}

function verifiedBytes({ config, messages }: StressResult): number | null {
  const { message, script, maxSize, size } = config as Settings;
  if (message || script || maxSize || size === undefined) return null;
  return messages.verified * size;
}

/** No two runs have all of this in common. How a run was judged is no part of it, nor the order of keys in a file. */
function identityOf(result: StressResult): string {
  const { target, started_at, duration_s, connections, messages, bytes, config } = result;
  const { latency, connect } = result.histograms;
  const counts = [connections, messages, bytes].map((all) => Object.entries(all).sort());
  return createHash("sha256").update(JSON.stringify([
    ...[target, started_at, duration_s, counts, config.seed],
    ...[latency, connect],
  ])).digest("hex").slice(0, 16);
}

/** The runs of all results, always in the same order. */
export const allParts = (results: readonly StressResult[]): Part[] =>
  results.flatMap(partsOf).map((part) => [part, JSON.stringify(part)] as const)
    .sort(([, a], [, b]) => a < b ? -1 : a > b ? 1 : 0).map(([part]) => part);

/**
 * Refuses results that have a run in common. `names` are what the results are called.
 *
 * @throws RangeError
 */
export function checkDistinct(results: readonly StressResult[], names: readonly string[]): void {
  const seen = new Map<string, number>();
  for (const [index, result] of results.entries()) {
    for (const part of partsOf(result)) {
      const other = seen.get(part.id);
      if (other === undefined) {
        seen.set(part.id, index);
        continue;
      }
      const run = `the run of ${part.target} at ${part.started_at}`;
      throw new RangeError(
        `Cannot add up ${names[other]} and ${names[index]}: both have ${run}, which would ` +
          "count twice",
      );
    }
  }
}

/**
 * What limited several runs, in their own words and figures, the one whose generator was worst off first. A
 * bottleneck comes before others, then unsent messages, the lag, the longest stall, the busiest thread. Runs that
 * had one cause are one: what it says is the worst one's.
 */
export function limitOf(
  results: readonly StressResult[],
): Pick<GeneratorReport, "reason" | "limited_by"> {
  const limits = allParts(results).map(({ generator }) => generator);
  limits.sort((a, b) => {
    const [one, other] = [badness(a), badness(b)];
    const differs = one.findIndex((value, i) => value !== other[i]);
    return differs >= 0 ? other[differs]! - one[differs]! : 0;
  });
  const { reason, limited_by: text } = limits[0]!;
  if (limits.length === 1) return { reason, limited_by: text };
  const causes = [...Map.groupBy(limits.map((limit) => limit.limited_by), causeOf)]
    .filter(([cause]) => cause !== "");
  const named = causes.slice(0, NAMED).map(([, texts]) => describeParts(texts, limits.length));
  return { reason, limited_by: named.join("; ") };
}

/** Causes of a sum that are named at most. */
const NAMED = 2;

/** The first clause without its figures: what differs in these only is the same cause. */
const causeOf = (text: string): string =>
  text.split("; ")[0]!.replace(/\d[\d.,]*( (ns|us|ms|s|min|h)\b)?/g, "#");

function describeParts(texts: readonly string[], parts: number): string {
  const [worst] = texts;
  const count = texts.length;
  const where = count === 1
    ? "in one part"
    : count === parts
    ? `in each of the ${parts} parts`
    : `in ${count} of the ${parts} parts`;
  const figures = texts.every((text) => text === worst) ? "" : " (figures of one of them)";
  return `${where}: ${worst}${figures}`;
}

const badness = ({ bottleneck, unsent, lag_p99_us, stall_us, cpu_percent }: Limit) => [
  ...[Number(bottleneck), unsent, lag_p99_us, stall_us, cpu_percent],
];

/** Microseconds since the epoch, which are whole numbers: sums of them don't depend on the order. */
const spanOf = ({ started_at, duration_s }: Part): [from: number, to: number] => {
  const from = Date.parse(started_at) * 1000;
  return [from, from + Math.round(duration_s * 1e6)];
};

/** For how long any of the runs went on, and for how long all of them did; in seconds. */
export function timesOf(parts: readonly Part[]): { any: number; all: number } {
  let any = 0;
  let end = -Infinity;
  for (const [from, to] of parts.map(spanOf).sort(([a], [b]) => a - b)) {
    any += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  const spans = parts.map(spanOf);
  const all = Math.min(...spans.map(([, to]) => to)) - Math.max(...spans.map(([from]) => from));
  return { any: any / 1e6, all: Math.max(0, all) / 1e6 };
}

/** Messages and bytes a second of the time in which any of the runs went on. */
export function ratesOf(parts: readonly Part[]): { messages: number; bytes: number } {
  const seconds = Math.max(timesOf(parts).any, 0.001);
  const sum = (of: (part: Part) => number) => parts.reduce((total, part) => total + of(part), 0);
  return {
    messages: sum(({ done }) => done) / seconds,
    bytes: sum(({ done_bytes }) => done_bytes) / seconds,
  };
}

/** Messages that were to be in flight on average; null when one of the runs had no such number. */
export function askedOf(parts: readonly Part[]): number | null {
  const seconds = timesOf(parts).any;
  let total = 0;
  for (const { in_flight: asked, duration_s } of parts) {
    if (asked === null) return null;
    total += asked * Math.round(duration_s * 1e6);
  }
  return Math.round(total / Math.max(seconds * 1e6, 1) * 1000) / 1000;
}

/** The most connections that can have been open at the same time. */
export function peakOf(parts: readonly Part[]): number {
  const changes = parts.flatMap((part): [time: number, change: number][] => {
    const [from, to] = spanOf(part);
    return [[from, part.peak], [Math.max(to, from + 1), -part.peak]];
  });
  let [open, peak] = [0, 0];
  for (const [, change] of changes.sort(([a, x], [b, y]) => a - b || x - y)) {
    peak = Math.max(peak, open += change);
  }
  return peak;
}
