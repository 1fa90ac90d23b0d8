/** Ending the process without the runtime: _exit(2). */
import { open } from "./ffi.ts";
import { LIBC, system } from "./system.ts";

/**
 * Ends the process at once. What the runtimes do at their exit does not happen: they give the terminal the
 * settings that it had at their start, even if another process has changed them. On Windows they do nothing of
 * the kind, and it is an ordinary exit.
 */
export function exitNow(code: number): never {
  if (system === "windows") process.exit(code);
  open(LIBC, { _exit: { args: ["i32"], result: "void" } })._exit(code);
  throw new Error("unreachable");
}
