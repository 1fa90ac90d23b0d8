/** What a result was judged to be, as data that is kept in it. Who judges is in lib/report/judge. */

/** A ratio, or a mean, and what it lies between with 95 % confidence. */
export interface Interval {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** A threshold's outcome. The value is in microseconds for latencies; 0 where nothing was measured. */
export interface Judged {
  readonly expression: string;
  readonly value: number;
  readonly ok: boolean;
}

export type Change = "better" | "worse" | "no significant difference";

/** One quantity before and now: messages a second, or microseconds. */
export interface BaselineMeasure {
  readonly name: "rate" | "p50" | "p99";
  /** A latency from the scheduled send. */
  readonly corrected?: boolean;
  readonly before: number;
  readonly now: number;
  /** Now to before, and its interval; null when one of them is 0. */
  readonly ratio: number | null;
  /** Null with too few seconds on one side: then a rate or p50 must change by a factor of three. */
  readonly interval: Interval | null;
  readonly change: Change;
}

/** The comparison with an earlier result, as `--json` prints it under `baseline`. */
export interface BaselineReport {
  readonly file: string;
  readonly target: string;
  readonly started_at: string;
  readonly confidence: number;
  readonly method: string;
  /** A smaller change than this part is none, however sure it is. */
  readonly min_effect: number;
  /** Seconds of the timelines that were compared. */
  readonly seconds: { readonly before: number; readonly now: number };
  readonly measures: readonly BaselineMeasure[];
  readonly regressed: readonly string[];
  /** What makes the comparison doubtful. */
  readonly notes: readonly string[];
}

/** A quantity over rounds: its mean, and what the mean lies between with 95 % confidence. */
export interface MeanInterval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Half the interval's width, in percent of the mean. */
  readonly percent: number;
}

/** What `--confidence P` has come to, as `--json` prints it under `confidence`. */
export interface ConfidenceReport {
  /** P: both intervals were to be within so many percent of their mean. */
  readonly wanted_percent: number;
  readonly reached: boolean;
  readonly rounds: number;
  readonly confidence: number;
  readonly method: string;
  /** Null when a round had no rate: there is no interval then. */
  readonly rate: MeanInterval | null;
  /** Of p99 in microseconds, from the scheduled send where there is one; null without replies. */
  readonly p99: MeanInterval | null;
}
