/** How a target took misbehaving clients, as a table: pass or fail, and why. */
import { wrap } from "../text/layout.ts";
import { drawTable } from "../text/table.ts";
import { briefDuration, briefUs } from "../text/words.ts";
import type { ProfileRow } from "./plan.ts";

const HEAD = ["profile", "", "expected", "observed", "witnesses", "new one", "time"] as const;

/** The table, at most `width` columns wide, and lines for each reason of a failure. */
export function formatMatrix(rows: readonly ProfileRow[], width: number): string {
  const table = drawTable({
    head: HEAD,
    rows: rows.map((row) => [
      row.name,
      row.ok ? "pass" : "FAIL",
      row.expected,
      row.observed || "-",
      describeWitnesses(row),
      row.recovery_us === null ? "no" : briefUs(row.recovery_us),
      briefDuration(row.duration_s * 1000),
    ]),
  }, width);
  const reasons = rows.filter(({ reasons }) => reasons.length > 0).map(({ name, did, reasons }) =>
    [
      "",
      ...wrap(`${name}: ${did}`, width),
      ...reasons.flatMap((reason) => wrap(`  the target ${reason}`, width)),
    ].join("\n") + "\n"
  );
  return table + reasons.join("");
}

function describeWitnesses({ witnesses, ok }: ProfileRow): string {
  const { count, p99 } = witnesses.latency_us;
  if (count > 0) return `p99 ${briefUs(p99)}`;
  return ok ? "-" : "not answered"; // where nothing is expected to be answered
}
