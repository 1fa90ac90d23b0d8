/** Statistics in the text format of Prometheus, version 0.0.4: a line for each value. */
import type { Stats } from "../stats.ts";

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Value = { [K in keyof Stats]: Stats[K] extends number ? K : never }[keyof Stats];

/** Name, type, key of the statistics, help. Counters end in _total, and units are part of the name. */
const FAMILIES: readonly (readonly [string, "counter" | "gauge", Value, string])[] = [
  ["uptime_seconds", "gauge", "uptime_s", "Time since the start."],
  ["workers", "gauge", "workers", "Event loops, each in a thread."],
  ["worker_restarts_total", "counter", "worker_restarts", "Workers that died and were replaced."],
  ["connections_accepted_total", "counter", "accepted", "Connections accepted, refused ones too."],
  ["connections_rejected_total", "counter", "rejected", "Closed at once: too many connections."],
  ["connections_denied_total", "counter", "denied", "Closed at once: not from that address."],
  ["connections_closed_total", "counter", "closed", "Connections that are over."],
  ["connections_lost_total", "counter", "connections_lost", "Closed because their worker died."],
  [
    "connections_cut_total",
    "counter",
    "connections_cut",
    "Reset by the server with output queued, or handed over.",
  ],
  ["connections_active", "gauge", "active", "Connections that are open."],
  ["connections_peak", "gauge", "peak", "The most that were open at the same time."],
  ["received_bytes_total", "counter", "bytes_in", "Bytes received."],
  ["sent_bytes_total", "counter", "bytes_out", "Bytes sent."],
  ["max_buffered_bytes", "gauge", "max_buffered", "The most unsent output of one connection."],
  ["handoffs_total", "counter", "handoffs", "Connections handed to a blocking handler."],
  ["leases_active", "gauge", "leases_active", "Connections that a handler has now."],
  ["wakeups_total", "counter", "wakeups", "Returns from waiting."],
  ["events_total", "counter", "events", "Events that the selectors have reported."],
  ["spurious_wakeups_total", "counter", "spurious_wakeups", "Events with nothing behind them."],
  ["accept_pauses_total", "counter", "accept_pauses", "Times that accepting had to pause."],
];

/** A label's value, with what would end it escaped. */
const quoted = (text: string) =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;

const head = (name: string, type: string, help: string) =>
  `# HELP iomux_${name} ${help}\n# TYPE iomux_${name} ${type}\n`;

export function prometheusText(stats: Stats, version: string): string {
  let text = head("info", "gauge", "Which program this is, and what it waits on; always 1.") +
    `iomux_info{version=${quoted(version)},selector=${quoted(stats.selector)}} 1\n`;
  for (const [name, type, key, help] of FAMILIES) {
    text += `${head(name, type, help)}iomux_${name} ${stats[key]}\n`;
  }
  text += head("errors_total", "counter", "Errors of connections, by their code.");
  for (const [code, count] of Object.entries(stats.errors)) {
    text += `iomux_errors_total{code=${quoted(code)}} ${count}\n`;
  }
  return text;
}
