/** What `iomux report` does: reads results, adds them up, judges, and shows them. */
import { readFileSync } from "node:fs";
import { judged } from "../../report/judge/judge.ts";
import { parseThreshold } from "../../report/judge/threshold.ts";
import { mergeResults } from "../../result/merge/merge.ts";
import { partsOf, timesOf } from "../../result/merge/parts.ts";
import { parseResult } from "../../result/read.ts";
import { expectsNothing, isOpenLoop } from "../../result/settings.ts";
import type { StressResult } from "../../result/result.ts";
import { UsageError } from "../exit.ts";
import { reasonOf, say } from "../output.ts";
import { againstBaseline, outcomeBeside, readBaseline } from "../results/baseline.ts";
import { exitCode } from "../results/exit_code.ts";
import { checkWritable } from "../results/files.ts";
import { outcomeOf, publish } from "../results/publish.ts";
import { readThresholds } from "../results/thresholds.ts";
import type { ReportRead } from "./command.ts";

/** Runs that were together for less than this part of the time did not load the target together. */
const TOGETHER = 0.9;

/** Reads, adds up, judges, reports; returns the exit code. */
export async function run({ options: flags, operands }: ReportRead): Promise<number> {
  if (operands.length === 0) {
    throw new UsageError("missing FILE: a result that stress -o FILE.json wrote");
  }
  checkWritable(flags.output);
  const sum = readResults(operands);
  const kind = { open: isOpenLoop(sum), replies: !expectsNothing(sum) };
  const texts = new Set([...sum.thresholds.map((t) => t.expression), ...flags.threshold]);
  const thresholds = readThresholds(flags.threshold, kind);
  const all = thresholds.length === 0 ? [] : [...texts].map((text) => parseThreshold(text));
  const held = judged(sum, all);
  const baseline = flags.baseline === undefined
    ? undefined
    : readBaseline(flags.baseline, sum.config);
  const result = baseline ? againstBaseline(held, baseline) : held;
  const outcome = baseline ? outcomeBeside(result, baseline) : outcomeOf(result);
  return await publish(outcome, flags, exitCode([result], flags.strict));
}

/**
 * Reads results and adds them up; a single one stays as it is. What can't be read is named on stderr, and the
 * sum is partial.
 *
 * @throws UsageError when they are of different kinds; Error when none can be read
 */
export function readResults(files: readonly string[]): StressResult {
  const results: StressResult[] = [];
  for (const file of files) {
    try {
      results.push(readResult(file));
    } catch (error) {
      say(`${file} is missing in the sum: ${(error as Error).message}`);
    }
  }
  if (results.length === 0) throw new Error("Cannot report: none of the files has a result");
  if (results.length === 1 && files.length === 1) return results[0]!;
  const sum = merge(results, results.length < files.length);
  warnOfTimes(sum);
  return sum;
}

function merge(results: readonly StressResult[], missing: boolean): StressResult {
  try {
    return mergeResults(results, { missing });
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
    throw new Error(reasonOf(error));
  }
  return parseResult(text);
}

/** Rates of runs that were not made at the same time are no rate of the target. */
function warnOfTimes(sum: StressResult): void {
  const parts = partsOf(sum);
  const { any, all } = timesOf(parts);
  if (parts.length < 2 || all >= TOGETHER * any) return;
  say(
    `the ${parts.length} runs went on together for ${all.toFixed(1)} s of ` +
      `${any.toFixed(1)} s, and rates are those of all ${any.toFixed(1)} s: see --start-at`,
  );
}
