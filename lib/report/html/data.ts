/** What the charts of a report's page are drawn from, few enough points to be read by a phone. */
import type { NamedResult, StressResult, TimelineRow } from "../../result/result.ts";
import { inTime } from "../../result/figures.ts";
import { latenciesOf } from "../../result/histograms.ts";
import { joinRows } from "../../result/merge/timeline.ts";
import type { Recorder } from "../../result/recorder.ts";
import { rateProfile, valueAt } from "../../result/segments.ts";
import { expectsNothing, settingsOf } from "../../result/settings.ts";

/** Points of a timeline at most: what a wide screen can show. */
const MAX_POINTS = 600;
/** Points of a spectrum for each factor of ten, and of a cumulative distribution in all. */
const PER_DECADE = 12;
const CDF_POINTS = 240;

export type Column = readonly (number | null)[];

export interface Line {
  readonly name: string;
  readonly values: Column;
  /** Latencies from the scheduled send. */
  readonly corrected: boolean;
}

/** A run over time; rates in messages a second, latencies in microseconds. */
export interface TimelineData {
  readonly name: string;
  /** Seconds that a point stands for, mostly. */
  readonly step: number;
  readonly t: Column;
  readonly rate: Column;
  /** What the schedule asked for; null in a closed loop. */
  readonly asked: Column | null;
  readonly errors: Column;
  readonly active: Column;
  readonly p50: Column;
  readonly p90: Column;
  readonly p99: Column;
  readonly max: Column;
  readonly corrected: Column | null;
}

export interface ChartData {
  readonly timelines: readonly TimelineData[];
  /** x is 1/(1-p) for the fraction p of the values that do not exceed y, a latency in microseconds. */
  readonly spectrum: { readonly x: Column; readonly lines: readonly Line[] };
  /** x is a latency in microseconds, y the percentage of values that do not exceed it. */
  readonly cdf: { readonly x: Column; readonly lines: readonly Line[] };
}

export function chartData(results: readonly NamedResult[]): ChartData {
  const recorded = results.flatMap(({ name, result }) => {
    if (expectsNothing(result)) return [];
    const real = { name, corrected: false, recorder: latenciesOf(result, "latency")! };
    const corrected = latenciesOf(result, "latency_corrected");
    return corrected ? [real, { name, corrected: true, recorder: corrected }] : [real];
  }).filter(({ recorder }) => recorder.count > 0);
  const lines = (
    x: readonly number[],
    draw: (recorder: Recorder, x: readonly number[]) => Column,
  ) =>
    recorded.map(({ name, corrected, recorder }) => ({
      ...{ name, corrected },
      values: draw(recorder, x),
    }));
  const rarities = raritiesOf(Math.max(1, ...recorded.map(({ recorder }) => recorder.count)));
  const latencies = axisOf(recorded.map(({ recorder }) => recorder));
  return {
    timelines: results.map(({ name, result }) => timelineData(name, result)),
    spectrum: { x: rarities.map(brief), lines: lines(rarities, spectrumOf) },
    cdf: { x: latencies.map(brief), lines: lines(latencies, cdfOf) },
  };
}

/** To four digits, which no screen exceeds. */
const brief = (value: number) => Number(value.toPrecision(4));

/** Values of 1/(1-p), up to the one beyond which there is less than one value of `count`. */
function raritiesOf(count: number): number[] {
  const steps = Math.ceil(Math.log10(count) * PER_DECADE);
  return [
    ...Array.from({ length: steps }, (_, i) => 10 ** (i / PER_DECADE)).filter((x) => x < count),
    count,
  ];
}

/** For ascending 1/(1-p) the value that the fraction p of all does not exceed. */
function spectrumOf(recorder: Recorder, rarities: readonly number[]): Column {
  const values = recorder.buckets();
  let [seen, us] = [0, 0];
  return rarities.map((rarity) => {
    if (rarity > recorder.count * 1.0001) return null; // it has none so rare
    const wanted = Math.max(1, Math.ceil(recorder.count * (1 - 1 / rarity) - 1e-6));
    // The last one is the highest value: all but less than one of the values are below it.
    const goal = rarity >= recorder.count ? recorder.count : wanted;
    while (seen < goal) {
      const { value, done } = values.next();
      if (done) break;
      us = value[0];
      seen += value[1];
    }
    return brief(us);
  });
}

function axisOf(recorders: readonly Recorder[]): number[] {
  let [low, high] = [Infinity, 0];
  for (const recorder of recorders) {
    for (const [us] of recorder.buckets()) [low, high] = [Math.min(low, us), Math.max(high, us)];
  }
  if (high === 0) return [];
  const from = Math.max(low, 0.1) * 0.99;
  const ratio = Math.max(high / from, 1.1);
  return Array.from({ length: CDF_POINTS + 1 }, (_, i) => from * ratio ** (i / CDF_POINTS));
}

/** For ascending latencies the percentage of values that do not exceed them. */
function cdfOf(recorder: Recorder, latencies: readonly number[]): Column {
  const buckets = [...recorder.buckets()];
  let [at, seen] = [0, 0];
  return latencies.map((us) => {
    while (at < buckets.length && buckets[at]![0] <= us * (1 + 1e-9)) seen += buckets[at++]![1];
    return brief(seen / recorder.count * 100);
  });
}

function timelineData(name: string, result: StressResult): TimelineData {
  const rows = fewer(result.timeline);
  const column = (pick: (row: TimelineRow) => number | null): Column =>
    rows.map((row) => {
      const value = pick(row);
      return value === null ? null : brief(value);
    });
  // A latency of 0 stands for none, and a logarithm has no place for it.
  const latency = (key: "p50" | "p90" | "p99" | "max" | "p99_corrected") =>
    column((row) => row[key] || null);
  const none = expectsNothing(result);
  // The warm-up is no part of the timeline.
  const asked = rateProfile({ ...settingsOf(result), warmupMs: 0 });
  return {
    name,
    step: rows[0]?.seconds ?? 1,
    t: rows.map(({ t }) => t),
    rate: column((row) => (none ? row.sent : inTime(row)) / row.seconds),
    asked: asked.length === 0
      ? null
      : column((row) => valueAt(asked, (row.t - row.seconds / 2) * 1000)),
    errors: column((row) => row.errors / row.seconds),
    // At the end of the last one all have been closed, which is no news.
    active: column((row) => row === rows.at(-1) && row.active === 0 ? null : row.active),
    p50: latency("p50"),
    p90: latency("p90"),
    p99: latency("p99"),
    max: latency("max"),
    corrected: rows.some((row) => row.p99_corrected !== null) ? latency("p99_corrected") : null,
  };
}

/** Neighbours as one row until there are few enough: their counts together, their highest latencies. */
function fewer(rows: readonly TimelineRow[]): TimelineRow[] {
  const together = Math.ceil(rows.length / MAX_POINTS);
  const groups: TimelineRow[] = [];
  for (let i = 0; i < rows.length; i += together) {
    groups.push(rows.slice(i, i + together).reduce(joined));
  }
  return groups;
}

const joined = (a: TimelineRow, b: TimelineRow): TimelineRow => ({
  ...joinRows(b, a),
  seconds: a.seconds + b.seconds,
});
