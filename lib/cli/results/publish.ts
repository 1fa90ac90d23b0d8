/** Where the result of a load goes: text, JSON and files. */
import { baselineTable } from "../../report/baseline.ts";
import { csvReport, csvReports } from "../../report/csv.ts";
import { junitReport } from "../../report/junit.ts";
import { markdownReport } from "../../report/markdown.ts";
import type { Report } from "../../report/tables.ts";
import { formatReport } from "../../report/text/report.ts";
import { describeVerdict } from "../../report/trust.ts";
import type { NamedResult, StressResult } from "../../result/result.ts";
import { EXIT } from "../exit.ts";
import { columnsOf, print, say } from "../output.ts";
import { gravest } from "./exit_code.ts";
import { writeFiles } from "./files.ts";
import type { Output, OutputFlags } from "../options/outputs.ts";

export interface Outcome extends Report {
  /** What the page and the summary show beside each other, if that is more. */
  readonly beside?: readonly NamedResult[];
  readonly json: unknown;
  /** What is printed, so many columns wide; null for nothing. */
  readonly text: ((width: number) => string) | null;
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
  const named = { ...outcome, results: distinct(outcome.results) };
  const files = await Promise.all(output.map((file) => filesOf(named, file)));
  return await deliver(
    json ? toJson(outcome.json) : outcome.text?.(columnsOf("stdout")) ?? "",
    files.flat(),
    code,
  );
}

/**
 * Writes files and prints a text, whatever of that fails; returns what becomes of the exit code. Files first: they
 * are there also when a signal ends the wait for who reads the text.
 */
export async function deliver(
  text: string,
  files: readonly { path: string; text: string }[],
  code: number,
): Promise<number> {
  const problems = writeFiles(files);
  problems.forEach(say);
  const failed = problems.map(() => EXIT.failed);
  return gravest([code, await print(text), ...failed]);
}

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
    case "hgrm": {
      const { hgrmFiles, insertBeforeExtension } = await import("../../report/hgrm.ts");
      return results.flatMap(({ name, result }) =>
        hgrmFiles(result, only ? path : insertBeforeExtension(path, `-${fileNamed(name)}`))
      );
    }
    case "html": {
      const { htmlReport } = await import("../../report/html/page.ts");
      const page = { command: commandLine(), ...outcome, results: outcome.beside ?? results };
      return [{ path, text: await htmlReport(page) }];
    }
    case "junit":
      return [{ path, text: junitReport(results, outcome.reason) }];
    case "markdown":
      return [{ path, text: markdownReport({ ...outcome, results: outcome.beside ?? results }) }];
  }
}

/** A name that is there again, as in `--compare epoll,epoll`, has its number: else one file would be two runs'. */
const distinct = (results: readonly NamedResult[]): NamedResult[] =>
  results.map(({ name, result }, index) => {
    const before = results.slice(0, index).filter((other) => other.name === name).length;
    return { name: before === 0 ? name : `${name} ${before + 1}`, result };
  });

/** A name of a run as a part of a file's name. */
const fileNamed = (name: string) => name.replace(/[^\w.-]+/g, "_");

/** The outcome of one run; its result keeps how it was made. */
export function outcomeOf(made: StressResult, unreachable = false): Outcome {
  const result = { ...made, command: made.command ?? commandLine() };
  return {
    title: `iomux stress ${result.target}`,
    results: [{ name: result.target, result }],
    json: result,
    ...(result.baseline ? { tables: [baselineTable(result.baseline)] } : {}),
    verdict: describeVerdict(result),
    command: result.command,
    // A report of zeros says nothing more.
    text: unreachable ? null : (width) => formatReport(result, width),
  };
}

/** The command line, as a shell would take it. */
export const commandLine = (): string => ["iomux", ...process.argv.slice(2)].map(quote).join(" ");

const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
