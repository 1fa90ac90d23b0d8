/** Which exit code results mean: one order, for one run and for many. */
import type { StressResult } from "../../result/result.ts";
import { connectCodeOf, EXIT } from "../exit.ts";

/** The gravest first, as docs/judgement.md has them. */
const GRAVITY: readonly number[] = [
  EXIT.verification,
  EXIT.threshold,
  EXIT.unreachable,
  EXIT.timeout,
  EXIT.peerGone,
  EXIT.failed,
  EXIT.invalid,
  EXIT.brokenPipe,
];

/** The gravest of several codes; 0 of none. */
export const gravest = (codes: Iterable<number>): number => {
  const all = new Set(codes);
  return GRAVITY.find((code) => all.has(code)) ?? EXIT.ok;
};

/** The exit code of a run, or of several together. `strict` is the option. */
export const exitCode = (results: readonly StressResult[], strict: boolean): number =>
  gravest(results.flatMap((result) => codesOf(result, strict)));

function codesOf(result: StressResult, strict: boolean): number[] {
  const { messages, connections, thresholds, verdict } = result;
  const codes = [
    messages.mismatched > 0 && EXIT.verification,
    // Without a connection every threshold fails, and says nothing.
    connections.established > 0 && thresholds.some(({ ok }) => !ok) && EXIT.threshold,
    result.baseline !== undefined && result.baseline.regressed.length > 0 && EXIT.threshold,
    connections.failed > 0 && connectCodeOf(Object.keys(result.errors)),
    messages.timed_out > 0 && EXIT.timeout,
    (messages.lost > 0 || connections.lost > 0) && EXIT.peerGone,
    result.partial && EXIT.failed,
    verdict === "invalid" && strict && EXIT.invalid,
  ].filter((code) => code !== false);
  // Of a sum: one of its parts has failed for a reason that is not in its counts.
  return verdict === "fail" && codes.length === 0 ? [EXIT.threshold] : codes;
}
