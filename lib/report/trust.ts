/** How far a result can be trusted, and by what one knows: the rows below its figures. */
import type { Judged } from "../result/judgement.ts";
import type { SlowConnection, StressResult } from "../result/result.ts";
import { isOpenLoop, settingsOf } from "../result/settings.ts";
import type { Row } from "../text/layout.ts";
import { formatCount, formatRate, formatUs as us } from "../text/units.ts";
import { plural } from "../text/words.ts";
import { baselineRows } from "./baseline.ts";
import { isUnknown, valueOf } from "./judge/judge.ts";
import { parseThreshold } from "./judge/threshold.ts";

const NAMED = 3;
/** A reply is worth a word from this time on, and when it took so many times the p99. In microseconds. */
const SLOW_US = 10_000;
const SLOW_FACTOR = 10;

/** Against which schedule messages left, and what that means for the latencies; null for no schedule. */
export function describeSchedule(result: StressResult): string | null {
  const { scheduled, unsent, schedule_lag_us: lag } = result.generator;
  if (isOpenLoop(result)) {
    const due = scheduled === null ? "" : `${formatCount(scheduled)} messages due, `;
    const sent = unsent === 0
      ? "all sent, late by"
      : `${formatCount(unsent)} not sent, the others late by`;
    const late = `p50 ${us(lag.p50)}, p99 ${us(lag.p99)}, max ${us(lag.max)}`;
    return `${due}${sent} ${late}${describeTimer(result)}`;
  }
  const { expect, hold } = settingsOf(result);
  if (expect === "none" || hold) return null;
  return "none: a slow reply delays the next message, which no latency here shows " +
    "(coordinated omission; --rate shows it)";
}

/** What it has added to the lateness that messages left together; "" where none did. */
function describeTimer({ generator: { timer_us: timer } }: StressResult): string {
  if (!timer || timer.added === 0) return "";
  const late = timer.p99 > timer.together
    ? `at most ${us(timer.together)}; a timer is ${us(timer.p99)} late here, p99`
    : "a timer is that late here, p99";
  return `; ${us(timer.added)} of that on average as messages due within ` +
    `${us(timer.together)} leave together (${late})`;
}

export function trustRows(result: StressResult): Row[] {
  const { generator } = result;
  const rows: Row[] = [];
  const kernel = describeKernel(result.kernel);
  if (kernel !== null) rows.push(["kernel", kernel]);
  const slowest = describeSlowest(result);
  if (slowest !== null) rows.push(["slowest", slowest]);
  rows.push(["generator", describeGenerator(result)]);
  // A bottleneck is said once, as the caution that it is.
  const { limited_by: limit, reason } = generator;
  const caution = !generator.bottleneck ? null : limit.includes(reason ?? "") ? limit : reason;
  if (limit && limit !== caution) rows.push(["limited by", limit]);
  if (caution) rows.push(["caution", caution]);
  rows.push(...confidenceRows(result));
  for (const judged of result.thresholds) {
    const word = judged.ok ? "ok    " : "FAILED";
    rows.push(["threshold", `${word}  ${judged.expression}: ${describeValue(result, judged)}`]);
  }
  if (result.baseline) rows.push(...baselineRows(result.baseline));
  rows.push(["verdict", describeVerdict(result)]);
  return rows;
}

export function confidenceRows({ confidence }: StressResult): Row[] {
  if (!confidence) return [];
  const { rate, p99, rounds, wanted_percent: wanted, reached } = confidence;
  const within = (percent: number) => `±${percent.toFixed(1)} %`;
  const after = `after ${plural(rounds, "round")}`;
  if (rate === null) {
    return [["confidence", `NOT within ±${wanted} % ${after}: the last one has measured nothing`]];
  }
  const figures = [
    `rate ${formatRate(rate.low)} to ${formatRate(rate.high)} messages/s (${within(rate.percent)})`,
    ...(p99 ? [`p99 ${us(p99.low)} to ${us(p99.high)} (${within(p99.percent)})`] : []),
  ].join(", ");
  const certain = `${confidence.confidence * 100} % confidence`;
  return [[
    "confidence",
    reached
      ? `${certain} ${after}: ${figures}`
      : `NOT within ±${wanted} % ${after}; with ${certain}: ${figures}`,
  ]];
}

/** "pass", "fail (interrupted)", "fail (ended by --abort-on)". */
export function describeVerdict(
  { verdict, interrupted, aborted, partial }: StressResult,
): string {
  const ended = aborted ? "ended by --abort-on" : interrupted ? "interrupted" : "";
  const but = [ended, partial ? "partial" : ""].filter((word) => word);
  return but.length > 0 ? `${verdict} (${but.join(", ")})` : verdict;
}

/** The counters that rose; null where the system has none. */
export function describeKernel(kernel: StressResult["kernel"]): string | null {
  if (kernel === null) return null;
  const all = Object.entries(kernel);
  const risen = all.filter(([, n]) => n > 0).map(([name, n]) => `${name} +${formatCount(n)}`);
  return risen.length > 0
    ? `${risen.join(", ")} (of the whole system)`
    : `none of ${plural(all.length, "counter")} rose: no overflow, no drop, nothing sent again`;
}

/** The slowest connections, if the kernel can say something about why. */
function describeSlowest({ slowest, latency_us: latency }: StressResult): string | null {
  const telling = slowest.filter((slow) =>
    slow.retransmits > 0 || slow.lost_segments > 0 ||
    (slow.latency_us >= SLOW_US && slow.latency_us >= SLOW_FACTOR * latency.p99)
  );
  if (telling.length === 0) return null;
  return telling.slice(0, NAMED).map(describeSlow).join("; ");
}

function describeSlow(slow: SlowConnection): string {
  const sent = slow.retransmits > 0 || slow.lost_segments > 0
    ? `${plural(slow.retransmits, "segment")} sent again, ${formatCount(slow.lost_segments)} ` +
      "lost: the network"
    : "nothing sent again: not the network";
  return `connection ${slow.connection} ${us(slow.latency_us)}, round trip ${us(slow.rtt_us)}, ` +
    sent;
}

function describeGenerator(result: StressResult): string {
  const { generator, selector } = result;
  const threads = plural(settingsOf(result).workers ?? 1, "thread");
  const { count: stalls, max_us: longest } = generator.loop_stalls;
  const turns = stalls === 0
    ? "no turn of its loop took 10 ms"
    : `${plural(stalls, "turn")} of its loop took over 10 ms, the longest ${us(longest)}`;
  return `${generator.cpu_percent.toFixed(0)} % of a CPU (${threads}, ${selector}); ${turns}`;
}

const number = (value: number) =>
  value < 10
    ? String(Number(value.toFixed(3)))
    : Number.isInteger(value)
    ? formatCount(value)
    : value.toFixed(1);

/** The value that an expression such as "p99<5ms" was judged by. */
export function describeValue(result: StressResult, { expression, value }: Judged): string {
  const { metric } = parseThreshold(expression);
  const known = valueOf(result, metric);
  if (known === null) return "nothing was measured";
  const show = metric.kind === "rate" || metric.kind === "count" ? number : us;
  const isOver = isUnknown(result, metric);
  // Where a condition has ended the run that does not hold for all of it, there are two figures.
  const whole = !isOver && !result.aborted ? show(value) : (isOver ? "over " : "") + show(known);
  return result.aborted && value !== known
    ? `${show(value)} when it was ended; ${whole} in all`
    : whole;
}
