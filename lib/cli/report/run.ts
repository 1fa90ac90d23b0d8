/** `iomux stress --merge FILE...`: results of several runs or machines as one. */
import { readFileSync } from "node:fs";
import { mergeResults } from "../../result/merge/merge.ts";
import { partsOf, timesOf } from "../../result/merge/config.ts";
import { parseResult } from "../../result/read.ts";
import { expectsNothing, isOpenLoop } from "../../report/load.ts";
import type { StressResult } from "../../result/result.ts";
import { parseThreshold, ThresholdError, unfit } from "../../report/judge/threshold.ts";
import { EXIT, UsageError } from "../exit.ts";
import { err } from "../output.ts";
import { checkWritable, publish, type ReportFlags } from "../stress/reports.ts";
import { exitCode, type StressFlags } from "../stress/run.ts";

/** Runs that were together for less than this part of the time did not load the target together. */
const TOGETHER = 0.9;

/** What the command line says besides the files. */
type MergeFlags =
  & ReportFlags
  & Pick<StressFlags, "settings" | "strict" | "threshold" | "startAt" | "processes">;

/** Reads, adds up, reports; returns the exit code. */
export async function runMerge(flags: MergeFlags, files: readonly string[]): Promise<number> {
  const { settings, startAt, processes } = flags;
  if (settings.target !== undefined || settings.unix !== undefined) {
    throw new UsageError("option '--merge' makes no run, and takes no target");
  }
  for (const [name, value] of Object.entries({ "start-at": startAt, processes })) {
    if (value !== undefined) throw new UsageError(`option '--merge' makes no run: no '--${name}'`);
  }
  checkWritable(flags);
  const sum = mergeFiles(files, flags.threshold);
  await publish(sum, flags, false);
  return codeOf(sum, flags.strict);
}

/**
 * Reads results and adds them up. What can't be read is named on stderr, and the sum is partial.
 *
 * @throws UsageError when they are of different kinds; Error when none can be read
 */
export function mergeFiles(files: readonly string[], thresholds: readonly string[]): StressResult {
  const results: StressResult[] = [];
  for (const file of files) {
    try {
      results.push(readResult(file));
    } catch (error) {
      err(`iomux: ${file} is missing in the sum: ${(error as Error).message}\n`);
    }
  }
  if (results.length === 0) throw new Error("Cannot merge: none of the files has a result");
  const sum = merge(results, results.length < files.length, thresholds);
  warnOfTimes(sum);
  return sum;
}

/** The exit code of a sum: that of a run like it; 1 when a part of it is missing. */
function codeOf(sum: StressResult, strict: boolean): number {
  const code = exitCode(sum, strict);
  // Of a part, for a reason of its own.
  return code === EXIT.ok && sum.verdict === "fail" ? EXIT.threshold : code;
}

function merge(
  results: readonly StressResult[],
  missing: boolean,
  thresholds: readonly string[],
): StressResult {
  const [first] = results as [StressResult];
  const run = { open: isOpenLoop(first), replies: !expectsNothing(first) };
  try {
    for (const text of thresholds) {
      const why = unfit(parseThreshold(text), run);
      if (why !== undefined) throw new RangeError(why);
    }
    return mergeResults(results, { missing, thresholds });
  } catch (error) {
    if (error instanceof RangeError || error instanceof ThresholdError) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

function readResult(file: string): StressResult {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new Error((error as { code?: string }).code ?? (error as Error).message);
  }
  return parseResult(text);
}

/** Rates of runs that were not made at the same time are no rate of the target. */
function warnOfTimes(sum: StressResult): void {
  const parts = partsOf(sum);
  const { any, all } = timesOf(parts);
  if (parts.length < 2 || all >= TOGETHER * any) return;
  err(
    `iomux: the ${parts.length} runs went on together for ${all.toFixed(1)} s of ` +
      `${any.toFixed(1)} s, and rates are those of all ${any.toFixed(1)} s: see --start-at\n`,
  );
}
