/** The comparison with a baseline as rows of a report and as a table. */
import type { BaselineMeasure, BaselineReport } from "../result/judgement.ts";
import type { Row } from "../text/layout.ts";
import { formatRate, formatUs } from "../text/units.ts";
import { formatRatio } from "./comparison.ts";
import type { ReportTable } from "./tables.ts";

/** As the figures beside it are called. */
const labelOf = ({ name, corrected }: BaselineMeasure): string =>
  name === "rate" ? "messages/s" : corrected ? `${name} corrected` : name;

const value = ({ name }: BaselineMeasure, number: number): string =>
  name === "rate" ? formatRate(number) : formatUs(number);

const ratioOf = ({ interval, ratio }: BaselineMeasure): string =>
  interval ? formatRatio(interval) : ratio === null ? "-" : ratio.toFixed(2);

/** "messages/s: 10,000 then, 9,000 now, ratio 0.90 [0.88, 0.92]". */
export const describeMeasure = (measure: BaselineMeasure): string =>
  `${labelOf(measure)}: ${value(measure, measure.before)} then, ` +
  `${value(measure, measure.now)} now, ratio ${ratioOf(measure)}`;

const WORDS = { worse: "WORSE ", better: "better", "no significant difference": "same  " } as const;

export const baselineRows = (report: BaselineReport): Row[] => [
  ...report.measures.map((measure): Row => [
    "baseline",
    `${WORDS[measure.change]}  ${describeMeasure(measure)}`,
  ]),
  ...report.notes.map((note): Row => ["note", note]),
];

export const baselineTable = (report: BaselineReport): ReportTable => ({
  title: "Against the baseline",
  note: `${report.file}, ${report.started_at}. Ratios are now to then with ` +
    `${report.confidence * 100} % confidence intervals: ${report.method}. A change below ` +
    `${report.min_effect * 100} % is none.` +
    report.notes.map((note) => ` Note: ${note}.`).join(""),
  head: ["", "then", "now", "ratio", "change"],
  rows: report.measures.map((measure) => [
    labelOf(measure),
    value(measure, measure.before),
    value(measure, measure.now),
    ratioOf(measure),
    measure.change,
  ]),
});
