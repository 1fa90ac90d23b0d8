/** A search for a rate as a table and as sentences. */
import type { Probe, Search } from "../result/search.ts";
import type { Row } from "../text/layout.ts";
import { formatRate, formatUs } from "../text/units.ts";
import type { ReportTable } from "./tables.ts";

export const probesTable = (search: Search): ReportTable => ({
  title: "Probes",
  note: "Rates are messages a second; p99 is from the scheduled send.",
  head: ["", "asked for", "answered", "p99", "holds"],
  rows: search.probes.map((probe: Probe, i) => [
    String(i + 1),
    formatRate(probe.rate),
    formatRate(probe.achieved),
    probe.p99_corrected_us > 0 ? formatUs(probe.p99_corrected_us) : "-",
    probe.holds ? "yes" : `no: ${probe.reason}`,
  ]),
});

export function searchRows(search: Search): Row[] {
  const { rate, next, limit, reason, conditions } = search;
  const what = conditions.join(", ");
  const rows: Row[] = [[
    "found",
    rate === null
      ? limit === "target" ? `no rate that holds ${what}` : "no answer"
      : `${formatRate(rate)} messages/s ${
        limit === "interrupted" ? "so far hold" : "hold"
      } ${what}`,
  ]];
  if (next !== null) rows.push(["next", `${formatRate(next)} messages/s do not`]);
  rows.push([
    "limited by",
    limit === "generator" ? `${reason}; so the target may take more than was found` : reason,
  ]);
  return rows;
}
