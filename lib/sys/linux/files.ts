/**
 * Files of /proc by open(2) and read(2) themselves: a runtime with permissions of its own (Deno) does not
 * let a program read what it knows of itself.
 */
import { type Functions, Native, open, type Signature } from "../ffi.ts";
import { c as posix, retry } from "../posix.ts";
import { absent, LIBC, system } from "../system.ts";

const TABLE = {
  open: { args: ["buffer", "i32"], result: "i32" }, // path, flags; variadic only with O_CREAT
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "linux"
  ? open(LIBC, TABLE)
  : absent("/proc is part of Linux");

const O_CLOEXEC = 0o2000000;
const CHUNK = 4096;

/** All bytes of a file; undefined when it can't be read. */
export function readWhole(path: string): Uint8Array | undefined {
  const name = new TextEncoder().encode(`${path}\0`);
  const fd = retry(() => c.open(name, O_CLOEXEC));
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
