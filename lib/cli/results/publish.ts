/** Where the result of a load goes: text, JSON and files. */
import { csvReport, csvReports, type NamedResult } from "../../report/csv.ts";
import { hgrmFiles, insertBeforeExtension } from "../../report/hgrm.ts";
import type { ReportTable } from "../../report/html/page.ts";
import { formatReport } from "../../report/text/report.ts";
import type { Format } from "../../report/load.ts";
import type { StressResult } from "../../result/result.ts";
import { formatCount, formatDuration, formatSize } from "../../text/units.ts";
import { EXIT } from "../exit.ts";
import { print, say } from "../output.ts";
import { gravest } from "./exit_code.ts";
import { writeFiles } from "./files.ts";
import type { Output, OutputFlags } from "../options/outputs.ts";

/** How quantities are written everywhere. */
export const FORMAT: Format = { count: formatCount, size: formatSize, duration: formatDuration };

/** What several runs have led to, or one. */
export interface Outcome {
  /** Of the page. */
  readonly title: string;
  readonly results: readonly NamedResult[];
  /** What the page shows beside each other, if that is more. */
  readonly beside?: readonly NamedResult[];
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
 * Prints an outcome, and writes it to the files that were asked for, whatever of that fails. With several
 * results the CSV has their names in its first column, and each has a percentile file of its own. Returns the
 * exit code that `code` becomes when something could not be written.
 */
export async function publish(
  outcome: Outcome,
  { json, output }: OutputFlags,
  code: number,
): Promise<number> {
  const files = await Promise.all(output.map((file) => filesOf(outcome, file)));
  return deliver(json ? toJson(outcome.json) : outcome.text ?? "", files.flat(), code);
}

/** Prints a text and writes files, whatever of that fails; returns what becomes of the exit code. */
export function deliver(
  text: string,
  files: readonly { path: string; text: string }[],
  code: number,
): number {
  const codes = [code, print(text)];
  for (const problem of writeFiles(files)) {
    say(problem);
    codes.push(EXIT.failed);
  }
  return gravest(codes);
}

/** As `--json` prints it. */
export const toJson = (value: unknown): string => JSON.stringify(value, null, 2) + "\n";

async function filesOf(
  outcome: Outcome,
  { path, format }: Output,
): Promise<{ path: string; text: string }[]> {
  const { results } = outcome;
  const only = results.length === 1 ? results[0]!.result : undefined;
  switch (format) {
    case "json":
      return [{ path, text: toJson(outcome.json) }];
    case "csv":
      return [{ path, text: only ? csvReport(only) : csvReports(results) }];
    case "hgrm":
      return results.flatMap(({ name, result }) =>
        hgrmFiles(result, only ? path : insertBeforeExtension(path, `-${fileNamed(name)}`))
      );
    case "html": {
      const { htmlReport } = await import("../../report/html/page.ts");
      const page = { ...outcome, results: outcome.beside ?? results };
      return [{ path, text: await htmlReport(page, FORMAT) }];
    }
    default:
      throw new RangeError(`not yet: ${format}`);
  }
}

/** A name of a run as a part of a file's name. */
const fileNamed = (name: string) => name.replace(/[^\w.-]+/g, "_");

/** The outcome of one run. `command` is what was run: "stress" or "report". */
export const outcomeOf = (result: StressResult, unreachable = false): Outcome => ({
  title: `iomux stress ${result.target}`,
  results: [{ name: result.target, result }],
  json: result,
  text: unreachable ? null : formatReport(result, FORMAT), // a report of zeros says nothing more
});
