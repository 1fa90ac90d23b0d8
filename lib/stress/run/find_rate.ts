/** The search for the highest rate that holds: first in powers of two, then between the last two. */
import type { StressResult } from "../../result/result.ts";
import type { Metric, Threshold } from "../../report/judge/threshold.ts";
import { judge } from "../../report/judge/judge.ts";
import type { Judged } from "../../result/judgement.ts";

/** One run at one rate. */
export interface Probe {
  /** Messages a second that were asked for. */
  readonly rate: number;
  /** Messages a second that were answered. */
  readonly achieved: number;
  readonly thresholds: readonly Judged[];
  /** The p99 from the scheduled send, in microseconds. */
  readonly p99_corrected_us: number;
  readonly holds: boolean;
  /** Why it does not hold; null when it does. */
  readonly reason: string | null;
  /** It does not hold because the generator was the bottleneck. */
  readonly generator: boolean;
}

/** What a search has come to, as `--json` prints it under `find_rate`. */
export interface Search {
  /** The conditions that were to hold. */
  readonly conditions: readonly string[];
  /** The highest rate that holds, in messages a second; null when none was found that does. */
  readonly rate: number | null;
  /** The lowest rate that was found not to hold; null when none was. */
  readonly next: number | null;
  /** What kept the next rate from holding, or ended the search. */
  readonly limit: "target" | "generator" | "bound" | "interrupted" | "broken";
  /** The same as a sentence. */
  readonly reason: string;
  readonly probes: readonly Probe[];
}

/** How a search goes. */
export interface SearchOptions {
  readonly thresholds: readonly Threshold[];
  /** The first rate, in messages a second. */
  readonly start: number;
  /** How long each probe counts, in seconds. */
  readonly seconds: number;
  readonly runOnce: (rate: number) => Promise<StressResult>;
  /** Called after each probe. */
  readonly probed?: (probe: Probe) => void;
}

/** A search and the run that it rests on: at the rate found, or the last one. */
export interface SearchOutcome {
  readonly search: Search;
  readonly best: StressResult;
}

/** The rates between which the search ends differ by less than this. */
export const PRECISION = 1.05;
/** A rate is tried this often before it is said not to hold: the machine may have had a hiccup. */
export const ATTEMPTS = 3;
/** Probes of a search at most. */
export const MOST_PROBES = 48;
/** The lowest and the highest rate, in messages a second. */
const LOWEST = 1;
const HIGHEST = 1e8;
/** How far a search goes down when not even its first rate holds. */
const FALL = 8;
/** This share of the messages must be answered, and in this share of the time for them. */
const ANSWERED = 0.99;
const IN_TIME = 0.9;
/** Fewer messages than these say nothing of a rate. */
const COUNTABLE = 20;

/** Searches. The result of an interrupted run is not judged: the search ends with it. */
export const findRate = (options: SearchOptions): Promise<SearchOutcome> =>
  new RateSearch(options).run();

class RateSearch {
  readonly #options: SearchOptions;
  readonly #thresholds: readonly Threshold[];
  readonly #probes: Probe[] = [];
  /** The highest rate that holds, and the lowest that does not. */
  #low: number | null = null;
  #high: number | null = null;
  /** What `#high` has failed by. */
  #failure: Probe | null = null;
  #end: { limit: Search["limit"]; reason: string } | null = null;
  #best: StressResult | null = null;
  #last: StressResult | null = null;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#thresholds = options.thresholds.map(corrected);
  }

  async run(): Promise<SearchOutcome> {
    for (let rate: number | null = this.#options.start; rate !== null;) {
      await this.#try(rate);
      rate = this.#end === null ? nextRate(this.#low, this.#high) : null;
    }
    const failure = this.#failure;
    const limit = failure === null ? "bound" : failure.generator ? "generator" : "target";
    return {
      best: this.#best ?? this.#last!,
      search: {
        conditions: this.#options.thresholds.map(({ expression }) => expression),
        rate: this.#low,
        next: this.#high,
        limit: this.#end?.limit ?? limit,
        reason: this.#end?.reason ?? failure?.reason ?? "no higher rate was tried",
        probes: this.#probes,
      },
    };
  }

  /** Finds out whether a rate holds. */
  async #try(rate: number): Promise<void> {
    let failure: Probe | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (this.#probes.length >= MOST_PROBES) {
        this.#end = { limit: "bound", reason: `the search ended after ${MOST_PROBES} probes` };
        return;
      }
      const result = await this.#options.runOnce(rate);
      this.#last = result;
      if (result.interrupted) {
        this.#end = { limit: "interrupted", reason: "the search was interrupted" };
        return;
      }
      const probe = probeOf(result, rate, this.#options, this.#thresholds);
      this.#probes.push(probe);
      this.#options.probed?.(probe);
      const broken = whyBroken(result);
      if (broken !== null) {
        this.#end = { limit: "broken", reason: broken };
        return;
      }
      if (probe.holds) {
        this.#best = result;
        this.#low = rate;
        return;
      }
      // Of several attempts one that says something of the target.
      if (failure === null || failure.generator) failure = probe;
      if (probe.achieved < IN_TIME * rate && !probe.generator) break; // no hiccup takes so much
    }
    this.#high = rate;
    this.#failure = failure;
  }
}

/** Where to go on between the highest rate that holds and the lowest that does not; null at the end. */
export function nextRate(low: number | null, high: number | null): number | null {
  if (high === null) return low! >= HIGHEST ? null : Math.min(low! * 2, HIGHEST);
  if (low === null) return high <= LOWEST ? null : Math.max(LOWEST, tidy(high / FALL));
  if (high / low <= PRECISION) return null;
  const middle = tidy(Math.sqrt(low * high));
  return middle > low && middle < high ? middle : null;
}

/** Three significant digits: a rate is not found more precisely than that. */
const tidy = (rate: number) => Number(rate.toPrecision(3));

/** In an open loop it is the latency from the scheduled send that counts. */
export const corrected = (threshold: Threshold): Threshold =>
  threshold.metric.kind === "latency"
    ? { ...threshold, metric: { ...threshold.metric, kind: "corrected" } as Metric }
    : threshold;

function probeOf(
  result: StressResult,
  rate: number,
  options: SearchOptions,
  thresholds: readonly Threshold[],
): Probe {
  const outcome = judge(result, thresholds);
  const byGenerator = result.generator.bottleneck;
  const reason = byGenerator
    ? `the generator was the bottleneck: ${result.generator.reason}`
    : whyNot(result, rate, options, outcome);
  return {
    rate,
    achieved: result.rate.messages_per_s,
    thresholds: outcome,
    p99_corrected_us: result.latency_corrected_us?.p99 ?? 0,
    holds: reason === null,
    reason,
    generator: byGenerator,
  };
}

function whyNot(
  result: StressResult,
  rate: number,
  { thresholds, seconds }: SearchOptions,
  outcome: readonly Judged[],
): string | null {
  const { messages, connections, generator, latency_corrected_us: latency } = result;
  // Who names a count among the conditions says how many are too many.
  const counted = thresholds.some(({ metric }) => metric.kind === "count");
  const errors: [number, string][] = [
    [connections.failed, "connects failed"],
    [messages.timed_out, "messages timed out"],
    [messages.lost, "messages were lost"],
    [connections.lost, "connections were lost"],
  ];
  const error = errors.find(([count]) => count > 0);
  if (!counted && error) return `${error[0]} ${error[1]}`;
  const due = generator.scheduled ?? Math.floor(rate * seconds);
  if (due === 0) return "no message was due in its time: longer probes tell more (--duration)";
  const done = latency && latency.count > 0 ? messages.received : messages.sent;
  if (done < ANSWERED * due - 1) return `only ${done} of ${due} messages were answered`;
  const { messages_per_s: achieved } = result.rate;
  if (due >= COUNTABLE && achieved < IN_TIME * rate) {
    return `only ${Math.round(achieved)} messages a second were answered`;
  }
  const failed = outcome.findIndex(({ ok }) => !ok);
  if (failed < 0) return null;
  return `${outcome[failed]!.expression} does not hold: ${
    show(thresholds[failed]!, outcome[failed]!.value)
  }`;
}

const show = ({ metric }: Threshold, value: number): string =>
  metric.kind === "rate" || metric.kind === "count"
    ? String(value)
    : value >= 1e6
    ? `${(value / 1e6).toFixed(2)} s`
    : value >= 1e3
    ? `${(value / 1e3).toFixed(2)} ms`
    : `${value.toFixed(1)} us`;

/** Why a search makes no sense any more. */
function whyBroken({ messages, connections, errors }: StressResult): string | null {
  if (messages.mismatched > 0) return `${messages.mismatched} replies were wrong`;
  if (connections.established > 0) return null;
  return `nobody could be reached: ${Object.keys(errors).join(", ")}`;
}
