/** Which file a descriptor is, whatever its number: statx(2). */
import { Native, open, type Signature } from "../ffi.ts";
import { LIBC, system } from "../system.ts";

const AT_EMPTY_PATH = 0x1000;
const STATX_INO = 0x100;
/** Offset of stx_ino in struct statx, and the size of that. */
const INO = 32;
const SIZE = 256;

const TABLE = {
  // syscall(2), with the arguments of statx(2): musl, and older C libraries, have no wrapper for it.
  statx: {
    args: ["i32", "i32", "pointer", "i32", "i32", "pointer"], // number, fd, path, flags, mask, to
    result: "i32",
    symbol: "syscall",
  },
} as const satisfies Record<string, Signature>;

const NUMBER = process.arch === "arm64" ? 291 : 332;
const { statx } = system === "linux" ? open(LIBC, TABLE) : { statx: undefined };
const path = new Native(8);
const answer = new Native(SIZE);

/**
 * The number of its inode; 0 where the system does not say. Pipes, sockets and pidfds have one each; all eventfds,
 * timerfds and inotify sets have one together.
 */
export function inodeOf(fd: number): number {
  const result = statx?.(NUMBER, fd, path.pointer, AT_EMPTY_PATH, STATX_INO, answer.pointer);
  if (result !== 0) return 0;
  return answer.view.getUint32(INO, true) + answer.view.getUint32(INO + 4, true) * 2 ** 32;
}
