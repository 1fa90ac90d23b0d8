/** A summary in Markdown, for a pull request or a build's page. */
import type { Distribution } from "../result/recorder.ts";
import type { NamedResult, StressResult } from "../result/result.ts";
import { expectsNothing } from "../result/settings.ts";
import { escapeControls } from "../text/escape.ts";
import { formatRate } from "../text/units.ts";
import { closure } from "./closure.ts";
import { describeErrors, figureOf, isFounded } from "./figures.ts";
import { describeLoad, describeVerified } from "./load.ts";
import type { Report, ReportTable } from "./tables.ts";
import { confidenceRows, describeValue } from "./trust.ts";

/** The summary: the verdict first, then the figures of all results beside each other, then what was judged. */
export function markdownReport(
  { title, results, tables = [], verdict, reason }: Report,
): string {
  const only = results.length === 1;
  const blocks = [
    `### ${escape(title)}: ${escape(verdict)}`,
    ...(reason === undefined ? [] : [escape(reason)]),
    table(["", ...results.map(({ name }) => name)], figuresOf(results)),
    ...results.flatMap(({ name, result }) => judgement(only ? "" : `${name}: `, result)),
    ...tables.flatMap(tableBlocks),
  ];
  return blocks.join("\n\n") + "\n";
}

function figuresOf(results: readonly NamedResult[]): string[][] {
  const all = results.map(({ result }) => result);
  const row = (name: string, of: (result: StressResult) => string) => [name, ...all.map(of)];
  // As thresholds name them: p99 is from the real send, p99_corrected from the scheduled one.
  const latencies = (word: string, of: (result: StressResult) => Distribution | null) =>
    ([["p50", 50, "p50"], ["p99", 99, "p99"], ["p99.9", 99.9, "p99_9"], [
      "max",
      100,
      "max",
    ]] as const)
      .map(([name, percent, key]) =>
        row(name + word, (result) => {
          const d = of(result);
          if (expectsNothing(result) || d === null || d.count + d.unanswered === 0) return "-";
          if (key === "p99_9" && !isFounded(d, percent)) return "-";
          return figureOf(d, percent, key);
        })
      );
  return [
    row("load", describeLoad),
    row("verified", describeVerified),
    row("messages/s", ({ rate }) => formatRate(rate.messages_per_s)),
    ...latencies("", (result) => result.latency_us),
    ...(all.some((result) => result.latency_corrected_us)
      ? latencies(" corrected", (result) => result.latency_corrected_us)
      : []),
    row("errors", describeErrors),
    row("closure", (result) => closure(result) ?? "-"),
    row("limited by", ({ generator }) => generator.limited_by || "-"),
    ...(all.some(({ confidence }) => confidence)
      ? [row("confidence", (result) => confidenceRows(result)[0]?.[1] ?? "-")]
      : []),
  ];
}

function judgement(prefix: string, result: StressResult): string[] {
  const rows = result.thresholds.map((judged) => [
    judged.expression,
    describeValue(result, judged),
    judged.ok ? "ok" : "FAILED",
  ]);
  return rows.length > 0 ? [table([`${prefix}threshold`, "value", ""], rows)] : [];
}

/** A table with its title and its note, as blocks between which is an empty line. */
export const tableBlocks = ({ title, note, head, rows }: ReportTable): string[] => [
  `#### ${escape(title)}`,
  ...(note === undefined ? [] : [escape(note)]),
  table(head, rows),
];

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row, i) =>
    `| ${row.map((text) => i === 1 ? text : escape(text)).join(" | ")} |`
  ).join("\n");

/** Text as Markdown shows it, and nothing that it would take for markup. */
const escape = (text: string): string =>
  escapeControls(text.replace(/[\r\n]+/g, " ")).replace(/[\\`*_[\]<>|#~&]/g, "\\$&");
