/** open(2) of what proc(5) shows as files. */
import { O_NONBLOCK } from "../constants.ts";
import { cString, type Functions, Native, open, type Signature } from "../ffi.ts";
import { c as posix, retry } from "../posix.ts";
import { absent, LIBC, system } from "../system.ts";

const TABLE = {
  open: { args: ["buffer", "i32"], result: "i32" }, // path, flags; variadic only with O_CREAT
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "linux"
  ? open(LIBC, TABLE)
  : absent("/proc is part of Linux");

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_NOCTTY = 0o400;
const O_CLOEXEC = 0o2000000;
const CHUNK = 4096;

/**
 * All bytes of a file of /proc; undefined when it can't be read. By the system's own calls: a runtime with
 * permissions of its own (Deno) does not let a program read what it knows of itself.
 */
export function readWhole(path: string): Uint8Array | undefined {
  const fd = retry(() => c.open(cString(path), O_CLOEXEC));
  if (fd === -1) return undefined;
  const parts: Uint8Array[] = [];
  const buffer = new Native(CHUNK);
  let count: number;
  while ((count = retry(() => posix.read(fd, buffer.pointer, CHUNK))) > 0) {
    parts.push(buffer.bytes.slice(0, count));
  }
  posix.close(fd);
  return count === 0 ? Buffer.concat(parts) : undefined;
}

/**
 * A new, non-blocking descriptor of what `fd` has open, for one direction; -1 when the system has no such
 * thing, or does not allow it: a socket (ENXIO), a terminal of another user (EACCES).
 *
 * O_NONBLOCK belongs to the open file description, which a shell and its other programs share (fcntl(2)):
 * setting it would change all of them. Opening /proc/self/fd/N makes another description of the same pipe.
 */
export function reopenNonBlocking(fd: number, direction: "read" | "write"): number {
  if (system !== "linux") return -1;
  const access = direction === "read" ? O_RDONLY : O_WRONLY;
  return c.open(cString(`/proc/self/fd/${fd}`), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}
