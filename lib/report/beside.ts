/** Several results beside each other, for the page and for the summary. */
import { isOver } from "../result/recorder.ts";
import type { NamedResult, StressResult } from "../result/result.ts";
import { expectsNothing } from "../result/settings.ts";
import { formatCount } from "../text/units.ts";
import { closure } from "./closure.ts";
import { describeErrors, formatUs } from "./figures.ts";
import { describeLoad, describeVerified } from "./load.ts";
import type { ReportTable } from "./tables.ts";
import { confidenceRows, describeVerdict } from "./trust.ts";

/** What one looks for first, a column for each result. Latencies are from the scheduled send where there is one. */
export function besideTable(results: readonly NamedResult[]): ReportTable {
  const all = results.map(({ result }) => result);
  const row = (name: string, of: (result: StressResult) => string) => [name, ...all.map(of)];
  const latency =
    (percent: number, key: "p50" | "p90" | "p99" | "p99_9" | "max") => (r: StressResult) => {
      const d = r.latency_corrected_us ?? r.latency_us;
      if (expectsNothing(r) || d.count + d.unanswered === 0) return "-";
      return (isOver(d, percent) ? "over " : "") + formatUs(d[key]);
    };
  const rows = [
    row("load", describeLoad),
    row("verified", describeVerified),
    row("messages/s", ({ rate }) => formatCount(rate.messages_per_s)),
    row("p50", latency(50, "p50")),
    row("p90", latency(90, "p90")),
    row("p99", latency(99, "p99")),
    row("p99.9", latency(99.9, "p99_9")),
    row("max", latency(100, "max")),
    row("errors", describeErrors),
    row("closure", (result) => closure(result) ?? "-"),
    row("limited by", ({ generator }) => generator.limited_by || "-"),
    ...(all.some(({ confidence }) => confidence)
      ? [row("confidence", (result) => confidenceRows(result)[0]?.[1] ?? "-")]
      : []),
    row("verdict", describeVerdict),
  ];
  return {
    title: "Numbers",
    note: "Percentiles of all replies of a result together, whichever round they are of.",
    head: ["", ...results.map(({ name }) => name)],
    rows,
  };
}
