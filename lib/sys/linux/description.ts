/**
 * An open file description of one's own for a pipe or terminal that was inherited.
 *
 * O_NONBLOCK belongs to the description, which a shell and its other programs share (fcntl(2)): setting it
 * would change all of them. Opening /proc/self/fd/N makes another description of the same pipe (proc(5)).
 */
import { O_NONBLOCK } from "../constants.ts";
import { type Functions, open, type Signature } from "../ffi.ts";
import { absent, LIBC, system } from "../system.ts";

const TABLE = {
  open: { args: ["buffer", "i32", "i32"], result: "i32" }, // path, flags, mode
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "linux"
  ? open(LIBC, TABLE)
  : absent("/proc is part of Linux");

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_NOCTTY = 0o400;
const O_CLOEXEC = 0o2000000;

/**
 * A new, non-blocking descriptor of what `fd` has open, for one direction; -1 when the system has no such
 * thing, or does not allow it: a socket (ENXIO), a terminal of another user (EACCES).
 */
export function reopenNonBlocking(fd: number, direction: "read" | "write"): number {
  if (system !== "linux") return -1;
  const path = new TextEncoder().encode(`/proc/self/fd/${fd}\0`);
  const access = direction === "read" ? O_RDONLY : O_WRONLY;
  return c.open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
}
