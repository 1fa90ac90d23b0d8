/** `--baseline FILE`: a result against that of an earlier run. */
import { compareWithBaseline, differences, withBaseline } from "../../report/judge/baseline.ts";
import { parseResult } from "../../result/read.ts";
import type { NamedResult, StressResult } from "../../result/result.ts";
import { UsageError } from "../exit.ts";
import { readText } from "../input.ts";
import { type Outcome, outcomeOf } from "./publish.ts";

/**
 * Reads a baseline, and refuses one of another load than `config` asks for.
 *
 * @throws UsageError before anything starts
 */
export function readBaseline(file: string, config: Readonly<Record<string, unknown>>): NamedResult {
  const text = readText(file, "baseline");
  let result: StressResult;
  try {
    result = parseResult(text);
  } catch (error) {
    throw new UsageError(
      `Cannot use the baseline ${file}: ${(error as Error).message}; write it with -o FILE.json`,
    );
  }
  const [different] = differences(result.config, config);
  if (different !== undefined) {
    throw new UsageError(`the baseline ${file} is of another load: ${different}`);
  }
  return { name: file, result };
}

export const againstBaseline = (
  result: StressResult,
  { name: file, result: before }: NamedResult,
): StressResult => withBaseline(result, compareWithBaseline(result, before, file));

/** As `outcomeOf`; the page has both. */
export const outcomeBeside = (
  result: StressResult,
  { name: file, result: before }: NamedResult,
  unreachable = false,
): Outcome => ({
  ...outcomeOf(result, unreachable),
  title: `iomux stress ${result.target} --baseline ${file}`,
  beside: [{ name: "now", result }, { name: "baseline", result: before }],
});
