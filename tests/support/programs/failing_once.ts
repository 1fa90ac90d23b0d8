// Loaded before iomux (bun --preload), compiled or not: one call of a C function fails. FAIL=FUNCTION:ERRNO:N,
// the Nth call of a thread whose role is FAIL_IN ("main", "serve", "load", …; N from 1). "syscall 45" is
// syscall(2) with that number. Bun only.
import { writeSync } from "node:fs";
import type { WorkerOptions } from "node:worker_threads";

const threads = process.getBuiltinModule("node:worker_threads");
const { isMainThread, Worker, workerData } = threads;
const [name = "", errno, which] = process.env.FAIL!.split(":");
/** One of all threads: how many calls have failed. */
const failed = new Int32Array(isMainThread ? new SharedArrayBuffer(4) : workerData.failed);
const role = isMainThread ? "main" : workerData.role;
const ffi = process.getBuiltinModule("bun:ffi" as "fs") as unknown as {
  dlopen(library: unknown, table: Record<string, unknown>): { symbols: Record<string, Call> };
  toArrayBuffer(address: number, offset: number, length: number): ArrayBuffer;
};
type Call = (...args: unknown[]) => unknown;

if (role === process.env.FAIL_IN) {
  const { dlopen } = ffi;
  const { symbols } = dlopen("libc.so.6", { __errno_location: { args: [], returns: "ptr" } });
  const location = new Int32Array(
    ffi.toArrayBuffer(symbols.__errno_location!() as number, 0, 4),
  );
  const [symbol, number] = name.split(" ");
  let left = Number(which);
  const failing = (call: Call): Call => (...args) => {
    if (number !== undefined && args[0] !== Number(number)) return call(...args);
    if (--left !== 0 || Atomics.add(failed, 0, 1) > 0) return call(...args);
    writeSync(2, `(${name} fails)\n`);
    if (symbol!.startsWith("posix_spawn")) return Number(errno); // it returns the error itself
    location[0] = Number(errno);
    return -1;
  };
  ffi.dlopen = (library, table) => {
    const opened = dlopen(library, table);
    const { [symbol!]: call } = opened.symbols;
    if (call === undefined) return opened;
    return { ...opened, symbols: { ...opened.symbols, [symbol!]: failing(call) } };
  };
}

// Bun loads it before a thread's own file only where the thread is made with that option.
if (isMainThread) {
  threads.Worker = class extends Worker {
    constructor(file: string | URL, options: WorkerOptions) {
      const workerData = { ...options.workerData, failed: failed.buffer };
      super(file, { ...options, workerData, preload: [import.meta.filename] } as WorkerOptions);
    }
  };
}
