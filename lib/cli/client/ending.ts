/** What the end of a session means: a line for people, a code for programs. */
import { notTaken } from "../../client/script/run.ts";
import type { SessionEnd } from "../../client/session.ts";
import { briefDuration } from "../../text/words.ts";
import { EXIT, exitCodeOf } from "../exit.ts";

/** Says what went wrong, and returns the exit code. With `goesOn` a next peer gets what was not sent. */
export function report(
  end: SessionEnd,
  idleTimeoutMs: number | undefined,
  goesOn: boolean,
  say: (message: string) => void,
): number {
  const { reason, error } = end;
  const notTaken = end.lost + (goesOn ? 0 : end.unsent);
  // After an end by --quit-after the kernel goes on sending: these may arrive.
  const taken = reason === "quit" && end.unsent === 0 ? "not yet taken" : "not taken";
  const rest = leftOver(notTaken, taken);
  const idle = reason === "idle"
    ? [`nothing came or went for ${briefDuration(idleTimeoutMs!)}`]
    : [];
  const what = [...(error ? [error.message] : []), ...idle, ...rest].join("; ");
  if (what !== "") say(what);
  if (reason === "idle") return EXIT.timeout;
  if (error && notTaken === 0) return exitCodeOf(error);
  return error || notTaken > 0 ? EXIT.peerGone : EXIT.ok;
}

/** How much of standard input was not taken, in words. */
export const leftOver = (bytes: number, taken?: string): string[] =>
  notTaken(bytes, " of standard input", taken);
