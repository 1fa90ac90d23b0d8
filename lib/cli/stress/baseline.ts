/** `--baseline FILE`: the run against the result of an earlier one. */
import { readFileSync } from "node:fs";
import {
  compareWithBaseline,
  differences,
  loadOf,
  withBaseline,
} from "../../report/judge/baseline.ts";
import { baselineTable } from "../../report/text/baseline.ts";
import { parseResult } from "../../result/read.ts";
import type { StressResult } from "../../result/result.ts";
import { showExpectation } from "../../stress/run/summary.ts";
import { UsageError } from "../exit.ts";
import { FORMAT, publish, publishOutcome, type ReportFlags } from "./reports.ts";
import type { RunSettings } from "./session.ts";

/** An earlier result, and the file that it is from. */
export interface Baseline {
  readonly file: string;
  readonly result: StressResult;
}

/** Reads a baseline, and refuses one of another load. @throws UsageError before anything starts */
export function readBaseline(file: string, settings: RunSettings): Baseline {
  let result: StressResult;
  try {
    result = parseResult(readFileSync(file, "utf8"));
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw new UsageError(
      code !== undefined
        ? `Cannot read the baseline ${file}: ${code}`
        : `Cannot use the baseline ${file}: ${message}; write it with --json FILE`,
    );
  }
  const { ramp: rampMs, expect, ...same } = settings;
  const now = { ...same, rampMs, expect: showExpectation(expect) };
  const [different] = differences(loadOf(result.config), loadOf(now));
  if (different !== undefined) {
    throw new UsageError(`the baseline ${file} is of another load: ${different}`);
  }
  return { file, result };
}

/** The result with what has changed since the baseline. */
export const againstBaseline = (
  result: StressResult,
  { file, result: before }: Baseline,
): StressResult => withBaseline(result, compareWithBaseline(result, before, file));

/** As `publish`; the page has both. */
export async function publishWithBaseline(
  result: StressResult,
  baseline: Baseline,
  flags: ReportFlags,
  unreachable: boolean,
): Promise<void> {
  await publish(result, { ...flags, html: undefined }, unreachable);
  if (flags.html === undefined) return;
  await publishOutcome({
    title: `iomux stress --baseline ${baseline.file}`,
    results: [{ name: "now", result }, { name: "baseline", result: baseline.result }],
    tables: [baselineTable(result.baseline!, FORMAT)],
    verdict: result.verdict,
    json: null,
    text: null,
  }, { html: flags.html });
}
