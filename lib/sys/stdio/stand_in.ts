/** A standard stream that was closed when this process was started: runtimes open /dev/null in its place. */
import { fstatSync, readFileSync } from "node:fs";
import { runtime } from "../runtime.ts";

/** The device of /dev/null: null(4). */
const NULL = 0x103;
const O_CLOEXEC = 0o2000000;

/**
 * Whether the descriptor of a standard stream is the runtime's own. On Linux with Bun this can be told from a
 * /dev/null that was meant: nothing inherited has O_CLOEXEC, as execve(2) closes that. False elsewhere.
 */
export function isStandIn(fd: number): boolean {
  if (runtime !== "bun" || process.platform !== "linux" || fd > 2) return false;
  try {
    if (fstatSync(fd).rdev !== NULL) return false;
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    return (parseInt(flags ?? "0", 8) & O_CLOEXEC) !== 0;
  } catch {
    return false; // closed, and no stand-in; or there is no /proc
  }
}
