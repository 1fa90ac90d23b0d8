/** How far a result can be trusted, and by what one knows: the rows below its figures. */
import { baselineRows } from "./text/baseline.ts";
import { expectsNothing, type Format, isOpenLoop, plural, settingsOf } from "./load.ts";
import type { SlowConnection, StressResult } from "../result/result.ts";

/** Slow connections that are named at most. */
const NAMED = 3;
/** A reply is worth a word from this time on, and when it took so many times the p99. In microseconds. */
const SLOW_US = 10_000;
const SLOW_FACTOR = 10;

/** A row of a report. */
export type Row = readonly [name: string, text: string];

/** Against which schedule messages left, and what that means for the latencies; null for no schedule. */
export function describeSchedule(result: StressResult, { count, duration }: Format): string | null {
  const { scheduled, unsent, schedule_lag_us: lag } = result.generator;
  if (isOpenLoop(result)) {
    const us = (value: number) => duration(value / 1000);
    const due = scheduled === null ? "" : `${count(scheduled)} messages due, `;
    const sent = unsent === 0
      ? "all sent, late by"
      : `${count(unsent)} not sent, the others late by`;
    return `${due}${sent} ` +
      `p50 ${us(lag.p50)}, p99 ${us(lag.p99)}, max ${us(lag.max)}`;
  }
  if (expectsNothing(result) || settingsOf(result).hold) return null;
  return "none: a slow reply delays the next message, which no latency here shows " +
    "(coordinated omission; --rate shows it)";
}

/** All rows on trust, the verdict last. */
export function trustRows(result: StressResult, format: Format): Row[] {
  const { generator, thresholds } = result;
  const rows: Row[] = [];
  const kernel = describeKernel(result.kernel, format);
  if (kernel !== null) rows.push(["kernel", kernel]);
  const slowest = describeSlowest(result, format);
  if (slowest !== null) rows.push(["slowest", slowest]);
  rows.push(["generator", describeGenerator(result, format)]);
  // A bottleneck is told once, as the caution that it is.
  const { limited_by: limit, reason } = generator;
  const caution = !generator.bottleneck ? null : limit.includes(reason ?? "") ? limit : reason;
  if (limit && limit !== caution) rows.push(["limited by", limit]);
  if (caution) rows.push(["caution", caution]);
  for (const { expression, value, ok } of thresholds) {
    const text = `${ok ? "ok    " : "FAILED"}  ${expression}: ${
      describeValue(expression, value, format)
    }`;
    rows.push(["threshold", text]);
  }
  if (result.baseline) rows.push(...baselineRows(result.baseline, format));
  rows.push(["verdict", describeVerdict(result)]);
  return rows;
}

/** "pass", "fail (interrupted)". */
export function describeVerdict({ verdict, interrupted, partial }: StressResult): string {
  const but = [interrupted ? "interrupted" : "", partial ? "partial" : ""].filter((word) => word);
  return but.length > 0 ? `${verdict} (${but.join(", ")})` : verdict;
}

/** The counters that rose; null where the system does not tell. */
export function describeKernel(kernel: StressResult["kernel"], { count }: Format): string | null {
  if (kernel === null) return null;
  const all = Object.entries(kernel);
  const risen = all.filter(([, rise]) => rise > 0).map(([name, rise]) => `${name} +${count(rise)}`);
  return risen.length > 0
    ? `${risen.join(", ")} (of the whole system)`
    : `none of ${plural(all.length, "counter")} rose: no overflow, no drop, nothing sent again`;
}

/** The slowest connections, if the kernel can say something about why. */
export function describeSlowest(result: StressResult, format: Format): string | null {
  const { slowest, latency_us: latency } = result;
  const telling = slowest.filter((slow) =>
    slow.retransmits > 0 || slow.lost_segments > 0 ||
    (slow.latency_us >= SLOW_US && slow.latency_us >= SLOW_FACTOR * latency.p99)
  );
  if (telling.length === 0) return null;
  return telling.slice(0, NAMED).map((slow) => describeSlow(slow, format)).join("; ");
}

function describeSlow(slow: SlowConnection, { count, duration }: Format): string {
  const us = (value: number) => duration(value / 1000);
  const sent = slow.retransmits > 0 || slow.lost_segments > 0
    ? `${plural(slow.retransmits, "segment")} sent again, ${
      count(slow.lost_segments)
    } lost: the network`
    : "nothing sent again: not the network";
  return `connection ${slow.connection} ${us(slow.latency_us)}, round trip ${
    us(slow.rtt_us)
  }, ${sent}`;
}

/** How busy the generator was. */
export function describeGenerator(result: StressResult, { count, duration }: Format): string {
  const { generator, selector } = result;
  const threads = plural(settingsOf(result).workers ?? 1, "thread");
  const { count: stalls, max_us: longest } = generator.loop_stalls;
  const turns = stalls === 0
    ? "no turn of its loop took 10 ms"
    : `${count(stalls)} ${stalls === 1 ? "turn" : "turns"} of its loop took over 10 ms, ` +
      `the longest ${duration(longest / 1000)}`;
  return `${generator.cpu_percent.toFixed(0)} % of a CPU (${threads}, ${selector}); ${turns}`;
}

/** Metrics whose values are in microseconds. */
const LATENCY = /^(connect_|lag_)?(min|mean|max|p\d)/;

/** The value that an expression such as "p99<5ms" was judged by. */
export function describeValue(expression: string, value: number, format: Format): string {
  if (LATENCY.test(expression.trim())) return format.duration(value / 1000);
  return Number.isInteger(value) ? format.count(value) : value.toFixed(1);
}
