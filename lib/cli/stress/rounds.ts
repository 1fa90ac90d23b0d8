/** `--confidence P`: the run again and again, until its rate and its p99 are known within P percent. */
import { confidenceOf, ROUNDS } from "../../report/judge/confidence.ts";
import { pool } from "../../result/merge/pool.ts";
import type { StressResult } from "../../result/result.ts";
import { UsageError } from "../exit.ts";
import type { LiveContext } from "./context.ts";
import { type RunOutcome, runSession, type RunSettings } from "./session.ts";

/** Every round has fresh connections, and an embedded server's code has to be compiled first. */
const WARM_UP_MS = 200;

export function readConfidence(text: string): number {
  const percent = Number(text.replace(/\s*%$/, ""));
  if (text !== "" && percent > 0 && percent < 100) return percent;
  throw new UsageError(`option '--confidence': "${text}" is no percentage such as 2.5`);
}

/** Makes the rounds, and pools them. A round that ended early is not part of the sum, unless it is the only one. */
export async function runRounds(
  settings: RunSettings,
  wanted: number,
  context: LiveContext,
): Promise<RunOutcome> {
  const rounds: StressResult[] = [];
  const { warmupMs } = settings;
  const each = { ...settings, warmupMs: warmupMs > 0 ? warmupMs : WARM_UP_MS };
  const seed = settings.seed ?? Math.floor(Math.random() * 2 ** 32);
  let last: RunOutcome | undefined;
  while (rounds.length < ROUNDS.most) {
    context.describe(`round ${rounds.length + 1}`);
    last = await runSession({ ...each, seed: (seed + rounds.length) >>> 0 }, context);
    const { result } = last;
    if (result.interrupted && rounds.length > 0) break;
    rounds.push(result);
    if (result.interrupted || result.connections.established === 0) break;
    const soFar = confidenceOf(rounds, wanted);
    if (soFar?.reached || soFar?.rate === null) break;
  }
  const confidence = confidenceOf(rounds, wanted);
  const interrupted = last!.result.interrupted;
  const result = { ...pool(rounds), interrupted, ...(confidence ? { confidence } : {}) };
  return { ...last!, result };
}
