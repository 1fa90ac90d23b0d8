/** What `iomux report` does: reads results, adds them up, judges, and shows them. */
import { readFileSync } from "node:fs";
import { judged } from "../../report/judge/judge.ts";
import { parseThreshold } from "../../report/judge/threshold.ts";
import { mergeResults } from "../../result/merge/merge.ts";
import { partsOf, timesOf } from "../../result/merge/parts.ts";
import { parseResult } from "../../result/read.ts";
import { expectsNothing, isOpenLoop } from "../../result/settings.ts";
import type { NamedResult, StressResult } from "../../result/result.ts";
import { UsageError } from "../exit.ts";
import { reasonOf } from "../../sys/reason.ts";
import { say } from "../output.ts";
import { againstBaseline, outcomeBeside, readBaseline } from "../results/baseline.ts";
import { exitCode } from "../results/exit_code.ts";
import { checkWritable } from "../results/files.ts";
import { outcomeOf, publish } from "../results/publish.ts";
import { readThresholds } from "../results/thresholds.ts";
import type { ReportRead } from "./command.ts";

/** Runs that were together for less than this part of the time did not load the target together. */
const TOGETHER = 0.9;

/** More lines in a chart look alike. */
const MOST_BESIDE = 6;

export async function run({ options, operands }: ReportRead): Promise<number> {
  if (operands.length === 0) {
    throw new UsageError("missing FILE: a result that stress -o FILE.json wrote");
  }
  checkWritable(options.output);
  const read = readResults(operands);
  const sum = sumOf(read, operands.length);
  const held = judgedAnew(sum, read, options.threshold);
  const baseline = options.baseline === undefined
    ? undefined
    : readBaseline(options.baseline, sum.config);
  const result = baseline ? againstBaseline(held, baseline) : held;
  const outcome = baseline ? outcomeBeside(result, baseline) : outcomeOf(result);
  const several = baseline === undefined && read.length > 1 && read.length < MOST_BESIDE;
  return await publish(
    several ? { ...outcome, beside: [{ name: "sum", result }, ...read] } : outcome,
    options,
    exitCode([result], options.strict),
  );
}

/** Reads results. What can't be read is named on stderr. @throws Error when that is all of them */
function readResults(files: readonly string[]): NamedResult[] {
  const results = files.flatMap((file): NamedResult[] => {
    try {
      return [{ name: file, result: readResult(file) }];
    } catch (error) {
      if (files.length === 1) throw error;
      say(`${(error as Error).message}; the sum is without it`);
      return [];
    }
  });
  if (results.length === 0) throw new Error("Cannot report: none of the files has a result");
  return results;
}

/** All of them as one, which is partial when there were more files; a single one stays as it is. */
function sumOf(read: readonly NamedResult[], files: number): StressResult {
  if (files === 1) return read[0]!.result;
  const [results, names] = [read.map(({ result }) => result), read.map(({ name }) => name)];
  try {
    const sum = mergeResults(results, { missing: read.length < files, names });
    warnOfTimes(sum);
    return sum;
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

/**
 * By the thresholds that there are now, and by those of each part. What has ended a part by --abort-on stays as it
 * was judged then, by the part of a run that had been made: the whole may hold it.
 */
function judgedAnew(
  sum: StressResult,
  read: readonly NamedResult[],
  more: readonly string[],
): StressResult {
  const given = readThresholds(more, { open: isOpenLoop(sum), replies: !expectsNothing(sum) });
  const earlier = read.flatMap(({ result }) => result.thresholds.map((t) => t.expression));
  const texts = new Set([...earlier, ...given.map(({ expression }) => expression)]);
  const ended = read.flatMap(({ result }) => result.aborted ? result.thresholds : [])
    .filter(({ ok }) => !ok);
  const held = judged(sum, [...texts].map((text) => parseThreshold(text)));
  if (ended.length === 0) return held;
  const thresholds = held.thresholds.map((now) =>
    now.ok ? ended.find(({ expression }) => expression === now.expression) ?? now : now
  );
  return { ...held, thresholds, verdict: "fail" };
}

function readResult(file: string): StressResult {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new Error(`Cannot read the result ${file}: ${reasonOf(error)}`);
  }
  try {
    return parseResult(text);
  } catch (error) {
    throw new Error(`Cannot use the result ${file}: ${(error as Error).message}`);
  }
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
