/** The one way out of the program. */
import { exitNow, hasTerminal } from "../sys/process/exit.ts";

/**
 * Ends the process with a code, after the listeners of its "exit". On a terminal without the runtime, which
 * would give it back the settings that it had when this process started.
 */
export function leave(code: number): never {
  if (!hasTerminal()) process.exit(code);
  process.exitCode = code;
  process.emit("exit", code);
  exitNow(code);
}
