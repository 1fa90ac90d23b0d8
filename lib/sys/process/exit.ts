/** Ending the process without the runtime: _exit(2). */
import { fstatSync } from "node:fs";
import { open } from "../ffi.ts";
import { LIBC, system } from "../system.ts";

/** Whether a terminal is among the standard streams, with settings that an exit would put back. */
export const hasTerminal = (): boolean => system !== "windows" && [0, 1, 2].some(isTerminal);

/** isatty(3). node:tty and the runtime's streams would take a fifth of a short command's start. */
export function isTerminal(fd: number): boolean {
  if (system === "windows") return process.getBuiltinModule("node:tty").isatty(fd);
  if (!isCharacterDevice(fd)) return false;
  try {
    return open(LIBC, { isatty: { args: ["i32"], result: "i32" } }).isatty(fd) === 1;
  } catch {
    return false; // no native calls are possible here, nor is an exit by them
  }
}

function isCharacterDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false; // it is closed
  }
}

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
