/** A comparison as a table and as sentences. */
import type { Interval } from "../result/judgement.ts";
import { formatRate, formatUs } from "../text/units.ts";
import type { Comparison, ComparisonRow, Measure, Word } from "./judge/compare.ts";
import type { ReportTable } from "./tables.ts";

/** "0.85 [0.80, 0.91]" */
export const formatRatio = (ratio: Interval | null): string =>
  ratio === null ? "-" : `${digits(ratio.ratio)} [${digits(ratio.low)}, ${digits(ratio.high)}]`;

/** Two decimals where they say something, else two significant digits. */
const digits = (value: number) => value >= 0.1 ? value.toFixed(2) : value.toPrecision(2);

/** The figures as a table; `open` says that latencies are from the scheduled send. */
export function comparisonTable(comparison: Comparison, open: boolean): ReportTable {
  const first = comparison.rows[0]!.name;
  const row = (name: string, what: string, measure: Measure, show: (value: number) => string) => [
    // A mean of nothing: some had no replies.
    ...[name, what, measure.value > 0 ? show(measure.value) : "-", formatRatio(measure.ratio)],
    measure.word ?? "-",
  ];
  return {
    title: "Comparison",
    note: `Means are geometric, of ${comparison.rounds} rounds. Ratios have ` +
      `${comparison.confidence * 100} % confidence intervals: ${comparison.method}. Figures ` +
      "of all rounds together differ from these means: messages/s are there of all their time, and " +
      "percentiles of all their replies, in which a slow round weighs more." +
      (open ? " Latencies are from the scheduled send." : ""),
    head: ["", "", "mean", `ratio to ${first}`, "difference"],
    rows: comparison.rows.flatMap(({ name, rate, p50, p99 }) => [
      row(name, "messages/s", rate, formatRate),
      row("", "p50", p50, formatUs),
      row("", "p99", p99, formatUs),
    ]),
  };
}

export function comparisonSentences(comparison: Comparison, open: boolean): string[] {
  const [first, ...others] = comparison.rows;
  return others.map((row) => sentence(row, first!, open));
}

function sentence({ name, word, rate, p99 }: ComparisonRow, to: ComparisonRow, open: boolean) {
  const what = open ? "p99" : "messages/s";
  const { ratio } = open ? p99 : rate;
  if (word === null || ratio === null) {
    return `${name}: no ratio: less than three whole rounds, or some without any replies; ` +
      "a longer --duration makes them longer";
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
