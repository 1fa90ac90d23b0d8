/** Windows: what kernel32.dll has for the process, its threads and its handles. */
import { type Functions, Native, open, type Signature } from "../ffi.ts";
import { absent, system } from "../system.ts";

const TABLE = {
  Sleep: { args: ["i32"], result: "void" }, // milliseconds
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
