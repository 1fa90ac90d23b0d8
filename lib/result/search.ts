/** What `--find-rate` has come to, as data. */
import type { Judged } from "./judgement.ts";

export interface Probe {
  /** Messages a second that were asked for. */
  readonly rate: number;
  /** Messages a second that were answered. */
  readonly achieved: number;
  readonly seconds: number;
  readonly thresholds: readonly Judged[];
  /** The p99 from the scheduled send, in microseconds. */
  readonly p99_corrected_us: number;
  readonly holds: boolean;
  /** Why it does not hold; null when it does. */
  readonly reason: string | null;
  /** What the reason says something of: the target, or what kept the probe from an answer. */
  readonly by: "target" | "generator" | "machine" | null;
}

/** What a search has come to, as `--json` prints it under `find_rate`. */
export interface Search {
  readonly conditions: readonly string[];
  /** The highest rate that holds, in messages a second; null when none was found. */
  readonly rate: number | null;
  /** The lowest rate that was found not to hold; null when none was. */
  readonly next: number | null;
  /** What kept the next rate from holding, or ended the search. */
  readonly limit: "target" | "generator" | "machine" | "time" | "bound" | "interrupted" | "broken";
  readonly reason: string;
  readonly probes: readonly Probe[];
}
