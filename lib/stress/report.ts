/** A result for people. */
import type { Distribution } from "./recorder.ts";
import type { StressResult } from "./plan.ts";

/** How the command line writes quantities; passed in, as that is the command line's business. */
export interface Format {
  count(value: number): string;
  size(bytes: number): string;
  /** From milliseconds. */
  duration(ms: number): string;
}

/** The report of a run: what was verified first, then how fast, then how far to trust it. */
export function formatReport(result: StressResult, format: Format): string {
  const { count, size, duration } = format;
  const { config, messages, connections, rate, generator } = result;
  const us = (value: number) => duration(value / 1000);
  const spread = (d: Distribution) =>
    d.count === 0 ? "none" : [
      `min ${us(d.min)}`,
      `p50 ${us(d.p50)}`,
      `p90 ${us(d.p90)}`,
      `p99 ${us(d.p99)}`,
      `p99.9 ${us(d.p99_9)}`,
      `max ${us(d.max)}`,
    ].join("   ");
  const errors = Object.entries(result.errors).map(([code, n]) => `${code} ${count(n)}`);
  const rows: [string, string][] = [
    ["target", `${result.target}${config.tls ? " (TLS)" : ""}${describeServer(result)}`],
    [
      "load",
      `${count(connections.requested)} connections, ${size(config.size as number)} messages, ` +
      `${config.pipeline} in flight each, closed loop, ${result.duration_s.toFixed(2)} s`,
    ],
    ["verified", describeVerified(result, format)],
    ["rate", `${count(rate.messages_per_s)} messages/s, ${size(rate.bytes_per_s)}/s`],
    ["latency", spread(result.latency_us)],
    ["connect", spread(result.connect_us)],
    [
      "connections",
      `${count(connections.established)} established, ${count(connections.failed)} failed, ` +
      `${count(connections.lost)} lost`,
    ],
    ["errors", errors.length > 0 ? errors.join(", ") : "none"],
    ["generator", describeGenerator(result)],
    ["verdict", result.interrupted ? `${result.verdict} (interrupted)` : result.verdict],
  ];
  if (config.expect === "none") rows.splice(4, 1);
  if (messages.timed_out > 0) {
    rows.splice(3, 0, ["timed out", `${count(messages.timed_out)} messages`]);
  }
  if (generator.bottleneck) rows.splice(-1, 0, ["caution", generator.reason!]);
  return rows.map(([name, text]) => `${name.padEnd(12)}${text}\n`).join("");
}

function describeServer({ server }: StressResult): string {
  if (server === null) return "";
  const { selector, workers } = server as { selector: string; workers: number };
  return ` (embedded server, ${selector}, ${workers} ${workers === 1 ? "worker" : "workers"})`;
}

function describeVerified(result: StressResult, { count }: Format): string {
  const { messages, bytes, first_mismatch: first, config } = result;
  if (config.expect === "none") {
    return `nothing (--expect none); ${count(messages.sent)} messages sent`;
  }
  const good = `${count(messages.verified)} of ${count(messages.sent)} messages, every byte of ` +
    `${count(config.tls ? messages.verified * (config.size as number) : bytes.received)}`;
  const bad: string[] = [];
  if (messages.mismatched > 0) bad.push(`${count(messages.mismatched)} mismatched`);
  if (messages.lost > 0) bad.push(`${count(messages.lost)} lost`);
  const detail = first
    ? `; first: ${first.kind} at byte ${count(first.offset)} of connection ${first.connection}, ` +
      `expected ${first.expected || "nothing"}, got ${first.actual || "the end"}`
    : "";
  return bad.length === 0 ? good : `${good}; ${bad.join(", ")}${detail}`;
}

function describeGenerator({ generator, selector, config }: StressResult): string {
  const workers = config.workers as number;
  return `${generator.cpu_percent.toFixed(0)} % of a CPU ` +
    `(${workers} ${
      workers === 1 ? "thread" : "threads"
    }, ${selector}); closed loop: a slow reply ` +
    "delays the next message, so the percentiles do not correct for coordinated omission";
}
