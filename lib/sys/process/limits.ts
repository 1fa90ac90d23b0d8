/** Resource limits and usage of the process: getrlimit(2), setrlimit(2), getrusage(2). */
import { RLIMIT_NOFILE } from "../constants.ts";
import { machThreadCpu, openFileAttempts } from "../bsd/darwin.ts";
import { check } from "../errno.ts";
import { Native } from "../ffi.ts";
import { c } from "../posix.ts";
import { system } from "../system.ts";
import { threadTimes } from "../windows/kernel32.ts";

/** Linux and FreeBSD; macOS has none. */
const RUSAGE_THREAD = 1;

/** How many descriptors the process may have open; `Infinity` when there is no limit. */
export interface FileLimit {
  readonly soft: number;
  readonly hard: number;
}

const UNLIMITED = 2n ** 63n - 1n;
const toNumber = (value: bigint) => value >= UNLIMITED ? Infinity : Number(value);

/** Windows counts handles, of which a process may have 16 million; memory is the limit before that. */
const NONE: FileLimit = { soft: Infinity, hard: Infinity };

/** Reads struct rlimit: two 64-bit numbers, the soft limit and the hard one. */
function readLimit(): Native {
  const memory = new Native(16);
  check(c.getrlimit(RLIMIT_NOFILE, memory.pointer), "getrlimit", "read the limit of open files");
  return memory;
}

export function openFileLimit(): FileLimit {
  if (system === "windows") return NONE;
  const { view } = readLimit();
  return {
    soft: toNumber(view.getBigUint64(0, true)),
    hard: toNumber(view.getBigUint64(8, true)),
  };
}

/** Raises the soft limit to the hard one, and returns what is in force afterwards. */
export function raiseOpenFileLimit(): FileLimit {
  if (system === "windows") return NONE;
  const { view, pointer } = readLimit();
  const hard = view.getBigUint64(8, true);
  for (const soft of system === "darwin" ? openFileAttempts(hard) : [hard]) {
    view.setBigUint64(0, soft, true);
    // Refused in some sandboxes; then the old limit stays, which the caller sees in the result.
    if (c.setrlimit(RLIMIT_NOFILE, pointer) === 0) break;
  }
  return openFileLimit();
}

/** CPU time of the calling thread in milliseconds, user and system apart. */
export function threadCpu(): { user: number; system: number } {
  if (system === "windows") return threadTimes();
  if (system === "darwin") return machThreadCpu();
  const usage = new Native(144);
  check(c.getrusage(RUSAGE_THREAD, usage.pointer), "getrusage", "read the thread's CPU time");
  const ms = (at: number) => usage.int32[at]! * 1000 + usage.int32[at + 2]! / 1000;
  return { user: ms(0), system: ms(4) };
}
