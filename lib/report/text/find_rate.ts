/** A search for a rate as a table and as sentences. */
import type { Probe, Search } from "../../result/search.ts";
import type { ReportTable } from "../html/page.ts";
import type { Format } from "../load.ts";

/** All probes, in the order in which they were made. */
export function probesTable(search: Search, { count, duration }: Format): ReportTable {
  return {
    title: "Probes",
    note: "Rates are messages a second; p99 is from the scheduled send.",
    head: ["", "asked for", "answered", "p99", "holds"],
    rows: search.probes.map((probe: Probe, i) => [
      String(i + 1),
      count(probe.rate),
      count(probe.achieved),
      duration(probe.p99_corrected_us / 1000),
      probe.holds ? "yes" : `no: ${probe.reason}`,
    ]),
  };
}

/** What was found, and why it is not more. */
export function searchRows(search: Search, { count }: Format): [string, string][] {
  const { rate, next, limit, reason, conditions } = search;
  const what = conditions.join(", ");
  const rows: [string, string][] = [[
    "found",
    rate === null
      ? limit === "target" ? `no rate that holds ${what}` : "no answer"
      : `${count(rate)} messages/s ${limit === "interrupted" ? "so far hold" : "hold"} ${what}`,
  ]];
  if (next !== null) rows.push(["next", `${count(next)} messages/s do not`]);
  rows.push([
    "limited by",
    limit === "generator" ? `${reason}; so the target may take more than was found` : reason,
  ]);
  return rows;
}
