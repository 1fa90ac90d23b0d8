/** The rows on what was done and how it went. */
import { errorCount } from "../result/figures.ts";
import { type Distribution, isOver } from "../result/recorder.ts";
import type { StressResult } from "../result/result.ts";
import { expectsNothing, settingsOf } from "../result/settings.ts";
import { type Row, tied } from "../text/layout.ts";
import { formatCount, formatRate, formatSize, formatUs } from "../text/units.ts";
import { briefDuration, plural } from "../text/words.ts";
import { closure } from "./closure.ts";
import { describeLoad, describeVerified } from "./load.ts";
import { describeSchedule } from "./trust.ts";

/** A percentile beyond p99 is shown when so many values lie beyond it: fewer are an accident. */
export const BEYOND = 10;
/** A shorter drain is the time of the last replies. */
const DRAINED_S = 0.05;

export function figureRows(result: StressResult): Row[] {
  const { rate, drain_s: drain, histograms, latency_corrected_us: corrected } = result;
  const drained = drain >= DRAINED_S
    ? `; the last replies came ${briefDuration(drain * 1000)} after the stop`
    : "";
  const rows: Row[] = [
    ["target", describeTarget(result)],
    ["load", describeLoad(result)],
    ["verified", describeVerified(result)],
    [
      "rate",
      `${formatRate(rate.messages_per_s)} messages/s, ${formatSize(rate.bytes_per_s)}/s${drained}`,
    ],
  ];
  const schedule = describeSchedule(result);
  if (schedule !== null) rows.push(["schedule", schedule]);
  if (!expectsNothing(result)) {
    const real = spread(result.latency_us);
    rows.push(["latency", corrected ? `${real}   ${tied("from the real send")}` : real]);
    if (corrected) {
      rows.push(["corrected", `${spread(corrected)}   ${tied("from the scheduled send")}`]);
    }
    const few = fewFor(result.latency_us);
    if (few !== null) rows.push(["note", few]);
  }
  const roundTrip = describeRoundTrip(result);
  if (roundTrip !== null) rows.push(["kernel rtt", roundTrip]);
  if (histograms.overflow > 0) {
    rows.push([
      "overflow",
      `${formatCount(histograms.overflow)} latencies above 429 s count as 429 s; max is true`,
    ]);
  }
  rows.push(["connect", spread(result.connect_us)]);
  const closes = closure(result);
  if (closes !== null) rows.push(["closure", closes]);
  rows.push(["connections", describeConnections(result.connections)]);
  rows.push(["errors", describeErrors(result)]);
  return rows;
}

/** Percentiles that are shown where there are enough values, with the key that each has. */
export const RARE = [
  ["p99.9", 99.9, "p99_9"],
  ["p99.99", 99.99, "p99_99"],
  ["p99.999", 99.999, "p99_999"],
] as const;

export const isFounded = ({ count, unanswered }: Distribution, percent: number): boolean =>
  (count + unanswered) * (1 - percent / 100) >= BEYOND - 1e-6;

/** A figure; "over 5.00 s" where its percentile falls among messages that were never answered. */
export const figureOf = (d: Distribution, percent: number, key: keyof Distribution): string =>
  (isOver(d, percent) ? "over " : "") + formatUs(d[key]);

/** "min 20.0 us   mean 105 us ±32.1 us   p50 …   max …", or "none". */
export function spread(d: Distribution): string {
  if (d.count + d.unanswered === 0) return "none";
  const figures = [
    ...(d.count > 0
      ? [`min ${formatUs(d.min)}`, `mean ${formatUs(d.mean)} ±${formatUs(d.stddev)}`]
      : []),
    ...([["p50", 50, "p50"], ["p90", 90, "p90"], ["p99", 99, "p99"], ...RARE] as const)
      .filter(([, percent]) => percent <= 99 || isFounded(d, percent))
      .map(([name, percent, key]) => `${name} ${figureOf(d, percent, key)}`),
    `max ${figureOf(d, 100, "max")}`,
  ];
  return figures.map(tied).join("   ");
}

/** Why the rarest percentiles are left out; null when none is. */
function fewFor(d: Distribution): string | null {
  const all = d.count + d.unanswered;
  const missing = RARE.find(([, percent]) => !isFounded(d, percent));
  if (all === 0 || missing === undefined) return null;
  const needed = Math.round(BEYOND / (1 - missing[1] / 100));
  return `${plural(all, "message")}: ${missing[0]} needs ${formatCount(needed)}, so that ` +
    `${BEYOND} are beyond it`;
}

/** What the kernel says beside the latencies; null where it says nothing. */
export function describeRoundTrip({ kernel_rtt_us: kernel }: StressResult): string | null {
  if (!kernel) return null;
  const { rtt, variation, connections } = kernel;
  return `${formatUs(rtt)} ±${formatUs(variation)}: the kernel's own smoothed estimate, from a ` +
    `segment to its ACK, as the run ended (${plural(connections, "connection")})`;
}

export function describeTarget(result: StressResult): string {
  const { server, target } = result;
  const tls = settingsOf(result).tls ? " (TLS)" : "";
  if (server === null || typeof server !== "object") return target + tls;
  const { selector, workers } = server as { selector: string; workers: number };
  return `${target}${tls} (embedded server, ${selector}, ${plural(workers, "worker")})`;
}

function describeConnections(c: StressResult["connections"]): string {
  const again = c.reconnected > 0 ? `, ${formatCount(c.reconnected)} of them again` : "";
  const peak = c.peak !== c.established ? `, at most ${formatCount(c.peak)} at once` : "";
  return `${formatCount(c.established)} established${again}${peak}, ${formatCount(c.failed)} ` +
    `failed, ${formatCount(c.lost)} lost`;
}

/** "none", or how many there were, of which kinds, and with which codes: "7: 5 timed out, …". */
export function describeErrors(result: StressResult): string {
  const { connections, messages, errors } = result;
  const kinds = [
    [connections.failed, connections.failed === 1 ? "connect failed" : "connects failed"],
    [connections.lost, connections.lost === 1 ? "connection lost" : "connections lost"],
    [messages.timed_out, "timed out"],
    [messages.mismatched, "mismatched"],
  ] as const;
  const all = errorCount(result);
  const some = kinds.filter(([n]) => n > 0).map(([n, words]) => `${formatCount(n)} ${words}`);
  const codes = Object.entries(errors).map(([code, n]) => `${code} ${formatCount(n)}`).join(", ");
  return (all === 0 ? "none" : `${formatCount(all)}: ${some.join(", ")}`) +
    (codes === "" ? "" : ` (${codes})`);
}
