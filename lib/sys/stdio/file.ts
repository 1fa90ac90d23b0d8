/** What a descriptor that was inherited stands for, as far as it matters to reading and writing it. */
import { fstatSync, lstatSync, unlinkSync } from "node:fs";
import { ERRNO, OSError } from "../errno.ts";
import { type Functions, open, type Signature } from "../ffi.ts";
import { c as posix } from "../posix.ts";
import { absent, LIBC, system } from "../system.ts";
import { isStandIn } from "./stand_in.ts";
import { isTerminal } from "./terminal.ts";
import { standardBytesAhead, standardKind } from "../windows/kernel32.ts";

/** "device" is any character device but a terminal, such as /dev/null; "none": the descriptor is closed. */
export type Kind = "file" | "device" | "terminal" | "pipe" | "socket" | "none";

/** What a descriptor is: fstat(2). On Windows only of the standard streams. */
export function kindOf(fd: number): Kind {
  if (system === "windows") {
    const kind = standardKind(fd);
    return kind === "device" && isTerminal(fd) ? "terminal" : kind;
  }
  let stat;
  try {
    stat = fstatSync(fd);
  } catch {
    return "none";
  }
  if (isStandIn(fd)) return "none";
  if (stat.isSocket()) return "socket";
  if (stat.isFIFO()) return "pipe";
  if (!stat.isCharacterDevice()) return "file";
  return isTerminal(fd) ? "terminal" : "device";
}

const TABLE = {
  lseek: { args: ["i32", "u64", "i32"], result: "u64" }, // fd, offset, from where
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "windows"
  ? absent("lseek is part of Unix")
  : open(LIBC, TABLE);

const SEEK_CUR = 1;

/** How many bytes of a regular file lie behind the place of the next read; on Windows as `kindOf`. */
export function bytesAhead(fd: number): number {
  if (system === "windows") return standardBytesAhead(fd);
  const offset = Number(BigInt.asIntN(64, c.lseek(fd, 0n, SEEK_CUR)));
  return offset < 0 ? 0 : Math.max(0, fstatSync(fd).size - offset);
}

const F_GETFL = 3;
const O_ACCMODE = 3;
const O_WRONLY = 1;

/** The descriptor can be written to, and not read. */
export const isWriteOnly = (fd: number): boolean =>
  (posix.fcntl(fd, F_GETFL, 0) & O_ACCMODE) === O_WRONLY;

/**
 * Which file this is, whatever its name; undefined when there is none. With the time of its birth, as the
 * number of an inode is given to the next file once it is free.
 */
export function identityOf(path: string): string | undefined {
  const file = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return file && `${file.dev} ${file.ino} ${file.birthtimeNs}`;
}

/**
 * Removes the file of a Unix socket if it is still the one that was `identityOf` its path. One that is gone, or
 * another by now, is no failure.
 *
 * @throws OSError EACCES, EPERM, EROFS: see unlink(2)
 */
export function removeSocketFile(path: string, identity: string | undefined): void {
  if (identity === undefined || identityOf(path) !== identity) return;
  try {
    unlinkSync(path);
  } catch (error) {
    const { code } = error as { code: string };
    if (code !== "ENOENT") throw new OSError(ERRNO[code] ?? 0, "unlink", `remove unix:${path}`);
  }
}
