/** A result against an earlier one: better, worse, or with no significant difference. */
import { CONFIDENCE, METHOD, unpairedRatio } from "./interval.ts";
import { inTime } from "../../result/figures.ts";
import { latencyOf } from "./compare.ts";
import type { BaselineMeasure, BaselineReport, Change, Interval } from "../../result/judgement.ts";
import type { StressResult, TimelineRow } from "../../result/result.ts";
import { cut } from "../../text/escape.ts";

/** Changes below 5 % come and go with the machine. */
export const MIN_EFFECT = 0.05;
/** Without an interval only what no chance explains. */
const PLAIN_FACTOR = 3;
/** Shorter rows of a timeline, such as its last one, are no second. */
const SHORTEST = 0.5;

/** Settings that make another load. */
const LOAD = [
  ...["connections", "size", "maxSize", "message", "script", "shuffle", "expect", "frame"],
  ...["pipeline", "thinkMs", "rate", "tickMs", "stages", "connectRate", "rampMs", "hold"],
  ...["messagesPerConnection", "tls"],
];
/** Those whose options have other names. */
const OPTIONS: Readonly<Record<string, string>> = {
  maxSize: "--size",
  script: "--messages-from",
  stages: "stages of --scenario",
};

type Config = Readonly<Record<string, unknown>>;

/** How two loads differ, in the terms of the options: "--size was 64 and is 128". */
export function differences(before: Config, now: Config): string[] {
  return LOAD.flatMap((key) => {
    const [was, is] = [shown(before, key), shown(now, key)];
    return was === is ? [] : [`${optionOf(key)} was ${cut(was)} and is ${cut(is)}`];
  });
}

/** A setting; the same text for all that means nothing. */
function shown(config: Config, key: string): string {
  const value = config[key];
  const isUnset = !value || (Array.isArray(value) && value.length === 0);
  // Messages of one's own make the size meaningless.
  if (isUnset || (/size/i.test(key) && (config.message || config.script))) return "not set";
  if (key === "tls") return "on";
  return typeof value === "string" ? value : JSON.stringify(value);
}

const optionOf = (key: string): string =>
  OPTIONS[key] ??
    `--${key.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Compares. Both have the same load, see `differences`. */
export function compareWithBaseline(
  now: StressResult,
  before: StressResult,
  file: string,
): BaselineReport {
  const [rowsNow, rowsBefore] = [now, before].map(({ timeline }) =>
    timeline.filter(({ seconds }) => seconds >= SHORTEST)
  ) as [TimelineRow[], TimelineRow[]];
  const measure = (
    name: BaselineMeasure["name"],
    total: (result: StressResult) => number,
    each: (row: TimelineRow) => number,
  ): BaselineMeasure => {
    const values = { before: total(before), now: total(now) };
    const ratio = values.before > 0 && values.now > 0 ? values.now / values.before : null;
    const spread = unpairedRatio(valuesOf(rowsNow, name, each), valuesOf(rowsBefore, name, each));
    // The totals know the ratio best; the seconds know by how much it may be wrong.
    const interval = ratio === null || spread === null ? null : {
      ratio,
      low: ratio * spread.low / spread.ratio,
      high: ratio * spread.high / spread.ratio,
    };
    const more = name === "rate" ? "better" : "worse";
    // Without an interval a tail says nothing at all: a single pause of the machine makes it.
    const judged = interval === null && name === "p99" ? null : ratio;
    const corrected = name !== "rate" && now.latency_corrected_us !== null;
    return {
      ...{ name, ...(corrected ? { corrected } : {}), ...values, ratio, interval },
      change: changeOf(judged, interval, more),
    };
  };
  const replies = latencyOf(now).count > 0 && latencyOf(before).count > 0;
  const measures = [
    measure(
      "rate",
      (result) => result.rate.messages_per_s,
      (row) => (replies ? inTime(row) : row.sent) / row.seconds,
    ),
    ...(replies
      ? [
        measure("p50", (result) => latencyOf(result).p50, (row) => row.p50_corrected ?? row.p50),
        measure("p99", (result) => latencyOf(result).p99, (row) => row.p99_corrected ?? row.p99),
      ]
      : []),
  ];
  return {
    file,
    target: before.target,
    started_at: before.started_at,
    confidence: CONFIDENCE,
    method: METHOD,
    min_effect: MIN_EFFECT,
    seconds: { before: rowsBefore.length, now: rowsNow.length },
    measures,
    regressed: measures.filter(({ change }) => change === "worse").map(({ name }) => name),
    notes: notesOn(now, before, measures),
  };
}

/** A second without replies has no latency, and counts as half a message. */
const valuesOf = (
  rows: readonly TimelineRow[],
  name: BaselineMeasure["name"],
  each: (row: TimelineRow) => number,
): number[] => {
  const values = rows.map(each);
  return name === "rate"
    ? values.map((value) => Math.max(value, 0.5))
    : values.filter((value) => value > 0);
};

function changeOf(
  ratio: number | null,
  interval: Interval | null,
  more: "better" | "worse",
): Change {
  const less = more === "better" ? "worse" : "better";
  if (ratio === null) return "no significant difference";
  const [low, high] = interval ? [interval.low, interval.high] : [ratio, ratio];
  const [above, below] = interval
    ? [1 + MIN_EFFECT, 1 - MIN_EFFECT]
    : [PLAIN_FACTOR, 1 / PLAIN_FACTOR];
  if (low > 1 && ratio > above) return more;
  return high < 1 && ratio < below ? less : "no significant difference";
}

function notesOn(
  now: StressResult,
  before: StressResult,
  measures: readonly BaselineMeasure[],
): string[] {
  const notes: string[] = [];
  if (measures.some(({ interval, ratio }) => interval === null && ratio !== null)) {
    notes.push(
      "fewer than three whole seconds: only a rate or p50 that changes by a factor of three counts",
    );
  }
  if (before.verdict !== "pass") notes.push(`the verdict of the baseline was ${before.verdict}`);
  if (before.interrupted) notes.push("the baseline was interrupted");
  const machine = ({ machine: m }: StressResult) => `${m.cpus} x ${m.cpu_model}, ${m.runtime}`;
  if (machine(now) !== machine(before)) {
    notes.push(`the baseline was made on another machine or runtime: ${machine(before)}`);
  }
  const server = ({ server: s }: StressResult) => (s as { selector?: string } | null)?.selector;
  if (server(now) !== server(before)) {
    notes.push(`the baseline's server waited on ${server(before) ?? "something unknown"}`);
  }
  return notes;
}

/** The result with its comparison, and a verdict that knows of it. */
export function withBaseline(result: StressResult, report: BaselineReport): StressResult {
  const verdict = report.regressed.length > 0 ? "fail" : result.verdict;
  return { ...result, baseline: report, verdict };
}
