/** Ending the process without the runtime: _exit(2). */
import { open } from "../ffi.ts";
import { isTerminal } from "../stdio/terminal.ts";
import { LIBC, system } from "../system.ts";

/** Whether a terminal is among the standard streams, with settings that an exit would put back. */
export const hasTerminal = (): boolean => system !== "windows" && [0, 1, 2].some(isTerminal);

/**
 * Ends the process at once, whatever its threads are doing: Node waits for those in a system call. What the
 * runtimes do at their exit does not happen either: they give the terminal the settings that it had at their
 * start, even if another process has changed them. On Windows it is an ordinary exit.
 */
export function exitNow(code: number): never {
  if (system === "windows") process.exit(code);
  open(LIBC, { _exit: { args: ["i32"], result: "void" } })._exit(code);
  throw new Error("unreachable");
}
