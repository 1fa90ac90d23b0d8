/** The timeline of a run as comma-separated values (RFC 4180). */
import type { NamedResult, StressResult, TimelineRow } from "../result/result.ts";

/** The columns, in the order in which they are written. New ones are added at the end. */
export const CSV_COLUMNS: readonly (keyof TimelineRow)[] = [
  "t",
  "seconds",
  "sent",
  "received",
  "bytes_sent",
  "bytes_received",
  "errors",
  "active",
  "p50",
  "p90",
  "p99",
  "max",
  "p99_corrected",
  "drained",
  "p50_corrected",
];

/** A header and one row for each interval; latencies in microseconds, empty where there is none. */
export const csvReport = (result: StressResult): string =>
  write([[...CSV_COLUMNS], ...result.timeline.map(fields)]);

/** The same for several runs, the name of the run in a first column `run`. */
export const csvReports = (results: readonly NamedResult[]): string =>
  write([
    ["run", ...CSV_COLUMNS],
    ...results.flatMap(({ name, result }) => result.timeline.map((row) => [name, ...fields(row)])),
  ]);

const fields = (row: TimelineRow) => CSV_COLUMNS.map((name) => row[name]?.toString() ?? "");

const write = (rows: readonly string[][]) =>
  rows.map((row) => row.map(quote).join(",") + "\r\n").join("");

/** Quoted where the text would be taken for more than one field, or for part of a row. */
const quote = (text: string) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
