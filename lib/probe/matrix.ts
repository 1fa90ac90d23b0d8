/** How a target took misbehaving clients, as a table: pass or fail, and why. */
import type { ProfileRow } from "./plan.ts";

const COLUMNS = ["profile", "", "expected", "observed", "witnesses", "new one", "time"] as const;

/** The table, and a line for each reason of a failure. `duration` writes milliseconds. */
export function formatMatrix(
  rows: readonly ProfileRow[],
  duration: (ms: number) => string,
): string {
  const cells = rows.map((row) => [
    row.name,
    row.ok ? "pass" : "FAIL",
    row.expected,
    row.observed || "-",
    row.witnesses.latency_us.count > 0
      ? `p99 ${duration(row.witnesses.latency_us.p99 / 1000)}`
      : row.ok
      ? "-" // nothing is expected to be answered
      : "not answered",
    row.recovery_us === null ? "no" : duration(row.recovery_us / 1000),
    duration(row.duration_s * 1000),
  ]);
  const all = [[...COLUMNS], ...cells];
  const widths = COLUMNS.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const lines = all.map((row) =>
    row.map((text, i) => text.padEnd(widths[i]!)).join("  ").trimEnd()
  );
  const reasons = rows.flatMap(({ name, did, reasons }) =>
    reasons.length === 0
      ? []
      : ["", `${name}: ${did}`, ...reasons.map((reason) => `  the target ${reason}`)]
  );
  return [...lines, ...reasons].join("\n") + "\n";
}
