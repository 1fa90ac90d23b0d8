// A Worker waits on a selector while signals interrupt exactly its thread: [selector's name].
import { once } from "node:events";
import { writeSync } from "node:fs";
import { constants } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createSelector, type SelectorName } from "../../../lib/selectors/mod.ts";
import { ERRNO } from "../../../lib/sys/errno.ts";
import { open } from "../../../lib/sys/ffi.ts";

const WAIT_MS = 300;
// By number, because musl and older glibc have no functions for them.
const [GETTID, TGKILL] = process.arch === "x64" ? [186, 234] : [178, 131];
const c = open(["libc.so.6", "libc.so"], {
  syscall: { args: ["i32", "i32", "i32", "i32"], result: "i32" },
});

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
  // Counts what the kernel answers, to be sure that the waits were interrupted at all.
  const backend = selector as unknown as { wait(timeoutMs: number): number };
  const wait = backend.wait.bind(selector);
  let interrupted = 0;
  backend.wait = (timeoutMs) => {
    const result = wait(timeoutMs);
    if (result === -ERRNO.EINTR!) interrupted++;
    return result;
  };
  parentPort!.postMessage(c.syscall(GETTID!, 0, 0, 0));
  const start = performance.now();
  const ready = selector.select(WAIT_MS).length;
  const ms = performance.now() - start;
  selector.close();
  parentPort!.postMessage({ ready, ms, interrupted });
}
