/** Where the result of a load goes: text, JSON and files. */
import { csvReport, csvReports, type NamedResult } from "../../report/csv.ts";
import { hgrmFiles, insertBeforeExtension } from "../../report/hgrm.ts";
import type { ReportTable } from "../../report/html/page.ts";
import { formatReport } from "../../report/text/report.ts";
import type { Format } from "../../report/load.ts";
import type { StressResult } from "../../result/result.ts";
import { out } from "../output.ts";
import { checkFiles, type ReportFile, writeFiles } from "./files.ts";
import { formatCount, formatDuration, formatSize } from "../../text/units.ts";

/** The options for reports. */
export interface ReportFlags {
  /** A file, or "-" for stdout. */
  readonly json?: string | undefined;
  readonly html?: string | undefined;
  readonly hgrm?: string | undefined;
  readonly csv?: string | undefined;
}

/** How quantities are written everywhere. */
export const FORMAT: Format = { count: formatCount, size: formatSize, duration: formatDuration };

/** Fails before the run, and not after it, when a result could not be written. @throws Error */
export function checkWritable({ json, html, hgrm, csv }: ReportFlags): void {
  const files: ReportFile[] = [];
  const add = (option: string, path: string | undefined) => {
    if (path !== undefined) files.push({ option, path });
  };
  add("--json", json === "-" ? undefined : json);
  add("--html", html);
  add("--hgrm", hgrm);
  add("--csv", csv);
  checkFiles(files);
}

/** What several runs have led to, or one. */
export interface Outcome {
  /** Of the page. */
  readonly title: string;
  readonly results: readonly NamedResult[];
  /** What `--json` writes. */
  readonly json: unknown;
  /** What is printed; null for nothing. */
  readonly text: string | null;
  /** Shown on the page above the charts. */
  readonly tables?: readonly ReportTable[];
  /** The judgement of all together, for the page. */
  readonly verdict?: string;
}

/**
 * Prints an outcome, and writes it to the files that were asked for. With several results the CSV has
 * their names in its first column, and each has a percentile file of its own. @throws Error when a file
 * can't be written
 */
export async function publishOutcome(outcome: Outcome, flags: ReportFlags): Promise<void> {
  const { results } = outcome;
  const json = JSON.stringify(outcome.json, null, 2) + "\n";
  // What is printed can't be lost to a file that fails.
  if (flags.json === "-") out(json);
  else if (outcome.text !== null) out(outcome.text);
  const files: { path: string; text: string }[] = [];
  if (flags.json !== undefined && flags.json !== "-") files.push({ path: flags.json, text: json });
  const only = results.length === 1 ? results[0]!.result : undefined;
  if (flags.csv !== undefined) {
    files.push({ path: flags.csv, text: only ? csvReport(only) : csvReports(results) });
  }
  if (flags.hgrm !== undefined) {
    for (const { name, result } of results) {
      const path = only ? flags.hgrm : insertBeforeExtension(flags.hgrm, `-${fileNamed(name)}`);
      files.push(...hgrmFiles(result, path));
    }
  }
  if (flags.html !== undefined) {
    const { htmlReport } = await import("../../report/html/page.ts");
    files.push({ path: flags.html, text: await htmlReport(outcome, FORMAT) });
  }
  writeFiles(files);
}

/** A name of a run as a part of a file's name. */
const fileNamed = (name: string) => name.replace(/[^\w.-]+/g, "_");

/** Writes and prints what was asked for of one run. @throws Error when a file can't be written */
export function publish(
  result: StressResult,
  flags: ReportFlags,
  unreachable: boolean,
): Promise<void> {
  return publishOutcome({
    title: `iomux stress ${result.target}`,
    results: [{ name: result.target, result }],
    json: result,
    text: unreachable ? null : formatReport(result, FORMAT), // a report of zeros says nothing more
  }, flags);
}
