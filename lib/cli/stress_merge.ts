/** `iomux stress --merge FILE...`: results of several runs or machines as one. */
import { readFileSync } from "node:fs";
import { mergeResults } from "../stress/merge.ts";
import { partsOf, timesOf } from "../stress/merge_config.ts";
import { parseResult } from "../stress/merge_read.ts";
import type { StressResult } from "../stress/result.ts";
import { EXIT, UsageError } from "./exit.ts";
import { err } from "./output.ts";

/** Runs that were together for less than this part of the time did not load the target together. */
const TOGETHER = 0.9;

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

function merge(
  results: readonly StressResult[],
  missing: boolean,
  thresholds: readonly string[],
): StressResult {
  try {
    return mergeResults(results, { missing, thresholds });
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
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

/** The exit code of a sum: that of a run like it; 1 when a part of it is missing. */
export function mergedExitCode(sum: StressResult, code: number): number {
  if (code !== EXIT.ok) return code;
  if (sum.verdict === "fail") return EXIT.threshold; // of a part, for a reason of its own
  return sum.partial ? EXIT.failed : EXIT.ok;
}
