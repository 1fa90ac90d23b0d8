/** The comparison with a baseline as rows of a report and as a table. */
import type { BaselineMeasure, BaselineReport } from "../../result/judgement.ts";
import { formatRatio } from "./compare.ts";
import type { ReportTable } from "../html/page.ts";
import type { Format } from "../load.ts";
import type { Row } from "../trust.ts";

const LABEL = { rate: "messages/s", p50: "p50", p99: "p99" } as const;

const value = ({ name }: BaselineMeasure, number: number, { count, duration }: Format): string =>
  name === "rate" ? count(number) : duration(number / 1000);

const ratioOf = ({ interval, ratio }: BaselineMeasure): string =>
  interval ? formatRatio(interval) : ratio === null ? "-" : ratio.toFixed(2);

/** The rows: one for each quantity, and one for each doubt. */
export function baselineRows(report: BaselineReport, format: Format): Row[] {
  const rows = report.measures.map((measure): Row => {
    const { name, before, now, change } = measure;
    return [
      "baseline",
      `${change === "worse" ? "WORSE " : change === "better" ? "better" : "same  "}  ` +
      `${LABEL[name]}: ${value(measure, before, format)} then, ` +
      `${value(measure, now, format)} now, ratio ${ratioOf(measure)}`,
    ];
  });
  return [...rows, ...report.notes.map((note): Row => ["note", note])];
}

/** The same for a page. */
export function baselineTable(report: BaselineReport, format: Format): ReportTable {
  return {
    title: "Against the baseline",
    note: `${report.file}, ${report.started_at}. Ratios are now to then with ` +
      `${report.confidence * 100} % confidence intervals: ${report.method}. A change below ` +
      `${report.min_effect * 100} % is none.${
        report.notes.map((note) => ` Note: ${note}.`).join("")
      }`,
    head: ["", "then", "now", "ratio", "in all"],
    rows: report.measures.map((measure) => [
      LABEL[measure.name],
      value(measure, measure.before, format),
      value(measure, measure.now, format),
      ratioOf(measure),
      measure.change,
    ]),
  };
}
