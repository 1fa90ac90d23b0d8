/** A summary in Markdown, for a pull request or a build's page. */
import type { NamedResult, StressResult } from "../result/result.ts";
import { baselineTable } from "./baseline.ts";
import { besideTable } from "./beside.ts";
import type { ReportTable } from "./tables.ts";
import { describeValue, describeVerdict } from "./trust.ts";

export interface Summary {
  readonly title: string;
  readonly results: readonly NamedResult[];
  readonly tables?: readonly ReportTable[];
  /** Of all together; that of the only result unless it is given. */
  readonly verdict?: string;
}

/** The summary: the verdict first, then the figures of all results beside each other, then what was judged. */
export function markdownReport({ title, results, tables = [], verdict }: Summary): string {
  const only = results.length === 1 ? results[0]!.result : undefined;
  const { head, rows } = besideTable(results);
  const word = verdict ?? (only ? describeVerdict(only) : "");
  const blocks = [
    `### ${escape(title)}: ${escape(word)}`,
    table(head, rows),
    ...results.flatMap(({ name, result }) => judgement(only ? "" : `${name}: `, result)),
    ...tables.filter(({ title }) => only === undefined || title !== "Against the baseline")
      .flatMap(tableBlocks),
  ];
  return blocks.join("\n\n") + "\n";
}

function judgement(prefix: string, result: StressResult): string[] {
  const rows = result.thresholds.map((judged) => [
    judged.expression,
    describeValue(result, judged),
    judged.ok ? "ok" : "FAILED",
  ]);
  return [
    ...(rows.length > 0 ? [table([`${prefix}threshold`, "value", ""], rows)] : []),
    ...(result.baseline ? tableBlocks(baselineTable(result.baseline)) : []),
  ];
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
  text.replace(/[\r\n]+/g, " ").replace(/[\\`*_[\]<>|#~&]/g, "\\$&");
