// A Worker waits on a selector while signals interrupt exactly its thread: [selector's name].
import { once } from "node:events";
import { writeSync } from "node:fs";
import { constants } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createSelector, type SelectorName } from "../../../lib/selectors/mod.ts";
import { Native, open } from "../../../lib/sys/ffi.ts";
import { c as posix } from "../../../lib/sys/posix.ts";

const WAIT_MS = 300;
// By number, because musl and older glibc have no functions for them.
const [GETTID, TGKILL] = process.arch === "x64" ? [186, 234] : [178, 131];
const c = open(["libc.so.6", "libc.so"], {
  syscall: { args: ["i32", "i32", "i32", "i32"], result: "i32" },
});

const RUSAGE_THREAD = 1, NVCSW = 128;

/** How often the thread has gone to sleep in a system call: ru_nvcsw of getrusage(2). */
function sleeps(): number {
  const usage = new Native(144);
  posix.getrusage(RUSAGE_THREAD, usage.pointer);
  return usage.int32[NVCSW / 4]!;
}

if (isMainThread) {
  process.on("SIGUSR2", () => {});
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv[2] });
  const [tid] = await once(worker, "message");
  const result = once(worker, "message");
  // Until it has an answer: when it begins to wait is not known, and under an emulator it takes long.
  for (let over = false; !over;) {
    const pause = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 20));
    over = await Promise.race([result.then(() => true), pause]);
    if (!over) c.syscall(TGKILL!, process.pid, tid, constants.signals.SIGUSR2);
  }
  writeSync(1, `${JSON.stringify((await result)[0])}\n`);
  process.exit(0);
} else {
  const selector = createSelector(workerData as SelectorName);
  parentPort!.postMessage(c.syscall(GETTID!, 0, 0, 0));
  const before = sleeps();
  const start = performance.now();
  const ready = selector.select(WAIT_MS).length;
  const ms = performance.now() - start;
  const slept = sleeps() - before;
  selector.close();
  parentPort!.postMessage({ ready, ms, slept });
}
