/** A result for people. */
import { drawDistributions } from "./drawing.ts";
import { decodeHistogram } from "../../result/hdr.ts";
import type { Distribution } from "../../result/recorder.ts";
import {
  describeLoad,
  describeVerified,
  expectsNothing,
  type Format,
  isOpenLoop,
  settingsOf,
} from "../load.ts";
import { describeSchedule, type Row, trustRows } from "../trust.ts";
import type { StressResult } from "../../result/result.ts";

export type { Format } from "../load.ts";

const NAME_WIDTH = 12;

/**
 * The report of a run: what was verified first, then how fast; the latencies as a drawing; and how far to
 * trust it, with the verdict last, where a terminal shows it.
 */
export function formatReport(result: StressResult, format: Format): string {
  const drawing = drawLatencies(result, format);
  return write(figureRows(result, format)) + "\n" + (drawing === "" ? "" : drawing + "\n") +
    write(trustRows(result, format));
}

const write = (rows: readonly Row[]) =>
  rows.map(([name, text]) => `${name.padEnd(NAME_WIDTH)}${text}\n`).join("");

/** The rows on what was done and how it went. */
export function figureRows(result: StressResult, format: Format): Row[] {
  const { count, size } = format;
  const { messages, connections, rate, histograms, latency_corrected_us: corrected } = result;
  const errors = Object.entries(result.errors).map(([code, n]) => `${code} ${count(n)}`);
  const rows: Row[] = [
    ["target", describeTarget(result)],
    ["load", describeLoad(result, format)],
    ["verified", describeVerified(result, format)],
  ];
  if (messages.timed_out > 0) rows.push(["timed out", `${count(messages.timed_out)} messages`]);
  rows.push(["rate", `${count(rate.messages_per_s)} messages/s, ${size(rate.bytes_per_s)}/s`]);
  const schedule = describeSchedule(result, format);
  if (schedule !== null) rows.push(["schedule", schedule]);
  if (!expectsNothing(result)) {
    const real = spread(result.latency_us, format);
    rows.push(["latency", corrected ? `${real}   from the real send` : real]);
    if (corrected) {
      rows.push(["corrected", `${spread(corrected, format)}   from the scheduled send`]);
    }
  }
  if (histograms.overflow > 0) {
    rows.push([
      "overflow",
      `${count(histograms.overflow)} latencies above 429 s count as 429 s; max is true`,
    ]);
  }
  rows.push(["connect", spread(result.connect_us, format)]);
  rows.push(["connections", describeConnections(connections, format)]);
  rows.push(["errors", errors.length > 0 ? errors.join(", ") : "none"]);
  return rows;
}

/** "min 20.0 us   p50 …   max …", or "none". */
export function spread(d: Distribution, { duration }: Format): string {
  if (d.count === 0) return "none";
  const us = (value: number) => duration(value / 1000);
  return `min ${us(d.min)}   p50 ${us(d.p50)}   p90 ${us(d.p90)}   p99 ${us(d.p99)}   ` +
    `p99.9 ${us(d.p99_9)}   max ${us(d.max)}`;
}

/** The address, and what is known of the server there. */
export function describeTarget(result: StressResult): string {
  const { server, target } = result;
  const tls = settingsOf(result).tls ? " (TLS)" : "";
  if (server === null || typeof server !== "object") return target + tls;
  const { selector, workers } = server as { selector: string; workers: number };
  return `${target}${tls} (embedded server, ${selector}, ` +
    `${workers} ${workers === 1 ? "worker" : "workers"})`;
}

function describeConnections(c: StressResult["connections"], { count }: Format): string {
  const again = c.reconnected > 0 ? `, ${count(c.reconnected)} of them again` : "";
  const peak = c.peak !== c.established ? `, at most ${count(c.peak)} at once` : "";
  return `${count(c.established)} established${again}${peak}, ${count(c.failed)} failed, ` +
    `${count(c.lost)} lost`;
}

function drawLatencies(result: StressResult, format: Format): string {
  if (expectsNothing(result)) return "";
  const { latency, latency_corrected: corrected } = result.histograms;
  const real = { title: "latency", recorder: decodeHistogram(latency) };
  if (!isOpenLoop(result) || corrected === null) return drawDistributions([real], format);
  return drawDistributions([
    { ...real, title: "latency, from the real send" },
    { title: "corrected, from the scheduled send", recorder: decodeHistogram(corrected) },
  ], format);
}
