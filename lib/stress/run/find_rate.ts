/**
 * The search for the highest rate that holds: with short probes in powers of two, then between the last two,
 * and at last three long ones of the rate found, all of which must hold. Where one does not, the
 * highest rate below is searched in the same way, for which all three do.
 */
import type { Judged } from "../../result/judgement.ts";
import type { StressResult } from "../../result/result.ts";
import type { Probe, Search } from "../../result/search.ts";

export interface ProbeJudgement {
  readonly thresholds: readonly Judged[];
  /** Null when it holds. */
  readonly reason: string | null;
  readonly by: Probe["by"];
  /** The search makes no sense any more; why. */
  readonly broken: string | null;
}

export interface SearchOptions {
  readonly conditions: readonly string[];
  /** The first rate, in messages a second. */
  readonly start: number;
  /** How long a probe counts, at least and at most, in seconds. */
  readonly seconds: number;
  readonly mostSeconds: number;
  /** Messages that a probe must have for its percentiles to mean something. */
  readonly messages: number;
  readonly runOnce: (rate: number, seconds: number) => Promise<StressResult>;
  /** Whether a probe of so many seconds at a rate holds. */
  readonly judge: (result: StressResult, rate: number, seconds: number) => ProbeJudgement;
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
/** As many probes in a row must hold for a rate to be an answer. */
export const CONFIRMATIONS = 3;
/** A probe answered in less than this share of the time: no hiccup does that, and no burst of others does it twice. */
const IN_TIME = 0.9;
export const MOST_PROBES = 64;
/** The lowest and the highest rate, in messages a second. */
const LOWEST = 1;
const HIGHEST = 1e8;
/** A probe has so many messages due at least, however low its rate: without any it says nothing. */
const FEWEST = 2;
/** How far a search goes down when not even its first rate holds. */
const FALL = 8;

/** Searches. The result of an interrupted run is not judged: the search ends with it. */
export const findRate = (options: SearchOptions): Promise<SearchOutcome> =>
  new RateSearch(options).run();

class RateSearch {
  readonly #options: SearchOptions;
  readonly #probes: Probe[] = [];
  /** The highest rate that holds, and the lowest that does not. */
  #low: number | null = null;
  #high: number | null = null;
  #confirmed: number | null = null;
  /** What `#high` has failed by. */
  #failure: Probe | null = null;
  #end: Pick<Search, "limit" | "reason"> | null = null;
  #best: StressResult | null = null;
  #last: StressResult | null = null;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  async run(): Promise<SearchOutcome> {
    const { start, seconds, conditions } = this.#options;
    for (let rate: number | null = start; rate !== null;) {
      await this.#explore(rate, seconds);
      rate = this.#end === null ? nextRate(this.#low, this.#high) : null;
    }
    await this.#confirm();
    const failure = this.#failure;
    const limit = this.#end?.limit ?? failure?.by ?? "bound";
    return {
      best: this.#best ?? this.#last!,
      search: {
        conditions,
        rate: this.#confirmed ?? (this.#end?.limit === "interrupted" ? this.#low : null),
        next: this.#high,
        limit,
        reason: this.#end?.reason ?? failure?.reason ?? "no higher rate was tried",
        probes: this.#probes,
      },
    };
  }

  /** Finds out whether a rate may hold: one probe that does is enough, a failure is looked at again. */
  async #explore(rate: number, seconds: number): Promise<void> {
    const needed = Math.max(seconds, FEWEST / rate);
    let failure: Probe | null = null;
    let hopeless = 0;
    for (let attempt = 0; attempt < ATTEMPTS && hopeless < 2; attempt++) {
      const probe = await this.#probe(rate, needed);
      if (probe === null) return;
      if (probe.holds) {
        this.#low = rate;
        this.#best = this.#last;
        return;
      }
      // Of several attempts one that says something of the target.
      if (failure === null || failure.by !== "target") failure = probe;
      if (probe.by === "target" && probe.achieved < IN_TIME * rate) hopeless++;
    }
    if (failure!.by === "machine") return this.#stop("machine", failure!.reason!);
    this.#high = rate;
    this.#failure = failure;
  }

  /** Three long probes of what was found; if one of them fails, of something less. */
  async #confirm(): Promise<void> {
    // Steps down grow until a rate holds; then the distance is halved, as in the search before.
    let step = PRECISION;
    for (let rate = this.#end === null ? this.#low : null; rate !== null;) {
      const failure = await this.#holdsAlways(rate);
      if (this.#end !== null) return;
      if (failure === null) this.#confirmed = rate;
      else {
        if (failure.by === "machine") return this.#stop("machine", failure.reason!);
        this.#high = rate;
        this.#failure = failure;
        // Until a rate is confirmed nothing is known to hold: what one probe held for is disproved.
        if (this.#confirmed === null) this.#low = this.#best = null;
      }
      if (this.#confirmed !== null) rate = this.#high && nextRate(this.#confirmed, this.#high);
      else {
        rate = rate > LOWEST ? Math.max(LOWEST, tidy(rate / step)) : null;
        step *= step;
      }
    }
  }

  /** The probe in which a rate did not hold; null when it held in all, or the search has ended. */
  async #holdsAlways(rate: number): Promise<Probe | null> {
    const { messages, mostSeconds } = this.#options;
    const seconds = Math.max(this.#options.seconds, messages / rate);
    if (seconds > mostSeconds) {
      const needed = Math.ceil(seconds);
      this.#stop(
        "time",
        `at ${rate} messages/s its percentile rests on 100 messages only after ${needed} s: give ` +
          `--duration ${needed}s, or a lower percentile`,
      );
      return null;
    }
    let disturbed = 0;
    for (let held = 0; held < CONFIRMATIONS;) {
      const probe = await this.#probe(rate, seconds);
      if (probe === null) return null;
      if (probe.holds) held++;
      else if (probe.by !== "machine" || ++disturbed === ATTEMPTS) return probe;
    }
    this.#best = this.#last;
    return null;
  }

  /** One probe; null when the search ends with it. */
  async #probe(rate: number, seconds: number): Promise<Probe | null> {
    if (this.#probes.length >= MOST_PROBES) {
      this.#stop("bound", `the search ended after ${MOST_PROBES} probes`);
      return null;
    }
    const result = await this.#options.runOnce(rate, seconds);
    this.#last = result;
    if (result.interrupted) {
      this.#stop("interrupted", "the search was interrupted");
      return null;
    }
    const { thresholds, reason, by, broken } = this.#options.judge(result, rate, seconds);
    const probe: Probe = {
      ...{ rate, achieved: result.rate.messages_per_s, seconds, thresholds },
      p99_corrected_us: result.latency_corrected_us?.p99 ?? 0,
      ...{ holds: reason === null, reason, by },
    };
    this.#probes.push(probe);
    if (broken === null) return probe;
    this.#stop("broken", broken);
    return null;
  }

  #stop(limit: Search["limit"], reason: string): void {
    this.#end = { limit, reason };
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
