/** A comparison as a table and as sentences. */
import type { Interval } from "../../result/judgement.ts";
import type { Comparison, ComparisonRow, Word } from "../judge/compare.ts";
import type { ReportTable } from "../html/page.ts";
import type { Format } from "../load.ts";

/** What tells about those compared, in words. */
export interface Naming {
  readonly title: string;
  /** Latencies are from the scheduled send. */
  readonly open: boolean;
}

/** "0.85 [0.80, 0.91]" */
export const formatRatio = (ratio: Interval | null): string =>
  ratio === null ? "-" : `${digits(ratio.ratio)} [${digits(ratio.low)}, ${digits(ratio.high)}]`;

/** Two decimals where they tell something, else two significant digits. */
const digits = (value: number) => value >= 0.1 ? value.toFixed(2) : value.toPrecision(2);

/** The figures as a table; the first row is what the others' ratios are to. */
export function comparisonTable(
  comparison: Comparison,
  { count, duration }: Format,
  { title, open }: Naming,
): ReportTable {
  const us = (value: number) => duration(value / 1000);
  const first = comparison.rows[0]!.name;
  return {
    title,
    note: `Means of ${comparison.rounds} rounds, and their ratios to ${first} with ` +
      `${comparison.confidence * 100} % confidence intervals: ${comparison.method}.` +
      (open ? " Latencies are from the scheduled send." : ""),
    head: ["", "messages/s", "ratio", "p50", "ratio", "p99", "ratio", "in all"],
    rows: comparison.rows.map(({ name, rate, p50, p99, word }) => [
      name,
      count(rate.value),
      formatRatio(rate.ratio),
      us(p50.value),
      formatRatio(p50.ratio),
      us(p99.value),
      formatRatio(p99.ratio),
      word ?? "-",
    ]),
  };
}

/** A table in characters: the first column to the left, figures to the right. */
export function drawTable({ head, rows }: ReportTable): string {
  const lines = [head, ...rows];
  const last = head.length - 1;
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines.map((line) =>
    line.map((cell, i) =>
      i === 0 || i === last ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
    ).join("  ").trimEnd() + "\n"
  ).join("");
}

/** One sentence for each but the first. */
export function comparisonSentences(comparison: Comparison, open: boolean): string[] {
  const [first, ...others] = comparison.rows;
  return others.map((row) => sentence(row, first!, open));
}

function sentence({ name, word, rate, p99 }: ComparisonRow, to: ComparisonRow, open: boolean) {
  const what = open ? "p99" : "messages/s";
  const { ratio } = open ? p99 : rate;
  if (word === null || ratio === null) {
    return `${name}: no ratio: less than three whole rounds, or some without any replies`;
  }
  const figures = `${digits(ratio.ratio)} times its ${what}, between ${digits(ratio.low)} and ` +
    `${digits(ratio.high)} with 95 % confidence`;
  const verb: Record<Word, string> = {
    faster: `is faster than ${to.name}`,
    slower: `is slower than ${to.name}`,
    "no significant difference": `has no significant difference to ${to.name}`,
  };
  return `${name} ${verb[word]}: ${figures}`;
}
