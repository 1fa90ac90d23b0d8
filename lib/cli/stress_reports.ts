/** Where the result of a load goes: text, JSON and files. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { formatReport } from "../stress/report.ts";
import type { StressResult } from "../stress/result.ts";
import { out } from "./output.ts";
import { formatCount, formatDuration, formatSize } from "./units.ts";

/** The options for reports. */
export interface ReportFlags {
  /** A file, or "-" for stdout. */
  readonly json?: string | undefined;
  readonly html?: string | undefined;
  readonly hgrm?: string | undefined;
  readonly csv?: string | undefined;
}

/** Fails before the run, and not after it, when a result could not be written. @throws Error */
export function checkWritable(flags: ReportFlags): void {
  for (const file of [flags.json, flags.html, flags.hgrm, flags.csv]) {
    if (file === undefined || file === "-") continue;
    try {
      closeSync(openSync(file, "a"));
    } catch (error) {
      throw new Error(`Cannot write the result to ${file}: ${(error as { code: string }).code}`);
    }
  }
}

/** Writes and prints what was asked for. */
export function publish(result: StressResult, flags: ReportFlags, unreachable: boolean): void {
  const text = JSON.stringify(result, null, 2) + "\n";
  if (flags.json === "-") return out(text);
  if (flags.json !== undefined) writeFileSync(flags.json, text);
  if (unreachable) return; // a report of zeros says nothing more
  out(formatReport(result, { count: formatCount, size: formatSize, duration: formatDuration }));
}
