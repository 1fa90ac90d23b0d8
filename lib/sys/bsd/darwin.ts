/**
 * macOS: fcntl and ioctl on arm64, the CPU time of a thread, and the kernel's own limit of open files.
 *
 * Numbers are those of xnu's osfmk/mach/thread_info.h and bsd/sys/syslimits.h.
 */
import { cString, type Functions, Native, NULL, open, type Signature } from "../ffi.ts";
import { absent, LIBC, system } from "../system.ts";
import { onStack, variadicOnStack, withNumber, withPointer } from "./variadic.ts";

const VARIADIC = { fcntl: onStack("u64"), ioctl: onStack("pointer") };

/**
 * Puts in place what differs from the other systems: fcntl and ioctl where they need it, and functions
 * that say so when they are called for those that macOS lacks.
 */
export function darwinCalls<C extends object>(calls: object, lacking: readonly string[]): C {
  const missing = absent<Record<string, unknown>>("the system has no such function");
  const own = Object.fromEntries(lacking.map((name) => [name, missing[name]]));
  if (!variadicOnStack) return { ...calls, ...own } as C;
  const { fcntl, ioctl } = open(LIBC, VARIADIC);
  return { ...calls, ...own, fcntl: withNumber(fcntl), ioctl: withPointer(ioctl) } as C;
}

const TABLE = {
  pthread_self: { args: [], result: "pointer" },
  pthread_mach_thread_np: { args: ["pointer"], result: "i32" }, // the thread's port, not to be freed
  thread_info: { args: ["i32", "i32", "pointer", "pointer"], result: "i32" }, // port, flavor, out, count
  sysctlbyname: { args: ["buffer", "pointer", "pointer", "pointer", "size"], result: "i32" },
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "darwin"
  ? open(LIBC, TABLE)
  : absent("Mach is part of macOS");

const THREAD_BASIC_INFO = 3;
/** In units of 32 bits: struct thread_basic_info has ten, of which the first four are the times. */
const THREAD_BASIC_INFO_COUNT = 10;

const info = new Native(THREAD_BASIC_INFO_COUNT * 4);
const count = new Native(8);

/**
 * The calling thread's CPU time in milliseconds: thread_info. getrusage(2) has no RUSAGE_THREAD on
 * macOS, and RUSAGE_SELF would count the runtime's other threads as well.
 */
export function machThreadCpu(): { user: number; system: number } {
  count.int32[0] = THREAD_BASIC_INFO_COUNT;
  const port = c.pthread_mach_thread_np(c.pthread_self());
  const result = c.thread_info(port, THREAD_BASIC_INFO, info.pointer, count.pointer);
  if (result !== 0) throw new Error(`Cannot read the thread's CPU time: thread_info: ${result}`);
  const [userSeconds, userMicros, systemSeconds, systemMicros] = info.int32;
  return {
    user: userSeconds! * 1000 + userMicros! / 1000,
    system: systemSeconds! * 1000 + systemMicros! / 1000,
  };
}

/** OPEN_MAX: the limit that every version of macOS has let a process set. */
const OPEN_MAX = 10240;

/** kern.maxfilesperproc, of an int; OPEN_MAX when it can't be read. */
function maxFilesPerProcess(): number {
  const value = new Native(8);
  const size = new Native(8);
  size.int32[0] = 4;
  const name = cString("kern.maxfilesperproc");
  const result = c.sysctlbyname(name, value.pointer, size.pointer, NULL, 0);
  return result === 0 && value.int32[0]! > 0 ? value.int32[0]! : OPEN_MAX;
}

/**
 * What to try, in this order, as the soft limit of open files when the hard one is `hard`. macOS calls
 * the hard limit unlimited, but opens no more than kern.maxfilesperproc, and depending on its version
 * refuses to set more than OPEN_MAX (setrlimit(2), COMPATIBILITY).
 */
export const openFileAttempts = (
  hard: bigint,
  most: number = maxFilesPerProcess(),
): bigint[] => [most, OPEN_MAX].map((limit) => BigInt(limit) < hard ? BigInt(limit) : hard);
