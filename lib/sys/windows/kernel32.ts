/** Windows: what kernel32.dll has for the process, its threads and its handles. */
import { type Functions, Native, open, type Signature } from "../ffi.ts";
import { absent, system } from "../system.ts";

const TABLE = {
  Sleep: { args: ["i32"], result: "void" }, // milliseconds
  GetStdHandle: { args: ["i32"], result: "u64" },
  GetFileType: { args: ["u64"], result: "i32" },
  GetFileSizeEx: { args: ["u64", "pointer"], result: "i32" },
  SetFilePointerEx: { args: ["u64", "u64", "pointer", "i32"], result: "i32" }, // file, distance, place, from
  SetHandleInformation: { args: ["i32", "i32", "i32"], result: "i32" }, // handle, mask, flags
  GetCurrentThread: { args: [], result: "u64" },
  // thread; creation, exit, kernel and user times
  GetThreadTimes: { args: ["u64", "pointer", "pointer", "pointer", "pointer"], result: "i32" },
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "windows"
  ? open(["kernel32.dll"], TABLE)
  : absent("kernel32.dll is part of Windows");

const LONGEST = 0x7fffffff;

/**
 * Blocks the thread for about `ms` milliseconds, or for 24 days when that is more. The system counts
 * in ticks, so it may be up to one tick early (Sleep, synchapi.h): callers look at a clock.
 */
export const sleepFor = (ms: number): void => c.Sleep(Math.min(Math.ceil(ms), LONGEST));

/** STD_INPUT_HANDLE, and below it those of output and errors. */
const standardHandle = (fd: number) => c.GetStdHandle(-10 - fd);
const FILE_TYPES = ["none", "file", "device", "pipe"] as const;

/** What a standard stream, 0 to 2, is: GetFileType. A console is a device. */
export const standardKind = (fd: number): (typeof FILE_TYPES)[number] =>
  FILE_TYPES[c.GetFileType(standardHandle(fd))] ?? "none";

const FILE_CURRENT = 1;
const value = new Native(8);
const written = () => Number(value.view.getBigInt64(0, true));

/** How many bytes of a file that is a standard stream lie behind the place of the next read. */
export function standardBytesAhead(fd: number): number {
  const handle = standardHandle(fd);
  if (c.SetFilePointerEx(handle, 0n, value.pointer, FILE_CURRENT) === 0) return 0;
  const at = written();
  return c.GetFileSizeEx(handle, value.pointer) === 0 ? 0 : Math.max(0, written() - at);
}

const HANDLE_FLAG_INHERIT = 1;

/** Keeps a handle from child processes; false when that fails. */
export const setNotInherited = (handle: number): boolean =>
  c.SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) !== 0;

const times = Array.from({ length: 4 }, () => new Native(8));

/** CPU time of the calling thread in milliseconds; it grows in ticks of about 16 ms. */
export function threadTimes(): { user: number; system: number } {
  const [creation, exit, kernel, user] = times as [Native, Native, Native, Native];
  c.GetThreadTimes(
    c.GetCurrentThread(),
    creation.pointer,
    exit.pointer,
    kernel.pointer,
    user.pointer,
  );
  // struct FILETIME: a 64-bit number in units of 100 ns.
  const ms = (time: Native) => Number(time.view.getBigUint64(0, true)) / 1e4;
  return { user: ms(user), system: ms(kernel) };
}
