/** What is said when no connection was made. */
import type { StressResult } from "../../result/result.ts";
import { withAdvice } from "../options/tls.ts";
import { say } from "../output.ts";
import type { RunOutcome } from "./session.ts";

/** Says on stderr why nothing could be reached; true if that is so. */
export function sayUnreachable(
  { connections, interrupted, target, errors }: StressResult,
  failure: RunOutcome["firstFailure"],
): boolean {
  if (connections.established > 0 || interrupted) return false;
  const codes = Object.keys(errors).join(", ");
  const message = failure
    ? withAdvice(failure.code, failure.message)
    : `Cannot connect to ${target}${codes === "" ? "" : `: ${codes}`}`;
  say(message);
  return true;
}
