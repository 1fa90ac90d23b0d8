// A Worker waits while signals hit exactly its thread, first for a second in vain, then until a byte
// comes: [selector's name]. Prints how long each took, and how often the thread was interrupted.
import { once } from "node:events";
import { writeSync } from "node:fs";
import { constants } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Socket, socketPair } from "../../../lib/net/mod.ts";
import { createSelector, EVENT_READ, type SelectorName } from "../../../lib/selectors/mod.ts";
import { Native, open } from "../../../lib/sys/ffi.ts";
import { c as posix } from "../../../lib/sys/posix.ts";
import { countSignals, rest } from "../storm.ts";

// By number, because musl and older glibc have no functions for them.
const [GETTID, TGKILL] = process.arch === "x64" ? [186, 234] : [178, 131];
const RUSAGE_THREAD = 1;
const BYTE_AFTER_MS = 300;
const c = open(["libc.so.6", "libc.so"], {
  syscall: { args: ["i32", "i32", "i32", "i32"], result: "i32" },
});

async function main() {
  const handled = await countSignals("SIGALRM");
  const [a, b] = socketPair();
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { name: process.argv[2], fd: a.fileno() },
  });
  const [tid] = await once(worker, "message");
  let over = false;
  let signals = 0;
  const done = (async () => {
    const [idle] = await once(worker, "message");
    await rest(BYTE_AFTER_MS);
    const sentAt = performance.timeOrigin + performance.now();
    b.send(new Uint8Array(new ArrayBuffer(1)));
    const [{ toldAt, ready }] = await once(worker, "message");
    over = true;
    return { idle, ready, latencyMs: toldAt - sentAt };
  })();
  for (; !over; signals++) {
    c.syscall(TGKILL!, process.pid, tid, constants.signals.SIGALRM);
    await rest(3);
  }
  writeSync(1, `${JSON.stringify({ ...await done, signals, handled: handled() })}\n`);
  process.exit(0);
}

function work() {
  const usage = new Native(144);
  /** How often this thread has gone to sleep: ru_nvcsw of getrusage(2). Once more for each EINTR. */
  const sleeps = () => {
    posix.getrusage(RUSAGE_THREAD, usage.pointer);
    return usage.int32[128 / 4]!;
  };
  const { name, fd } = workerData as { name: SelectorName; fd: number };
  const selector = createSelector(name);
  const socket = Socket.fromFd(fd);
  selector.register(socket, EVENT_READ);
  parentPort!.postMessage(c.syscall(GETTID!, 0, 0, 0));
  const start = performance.now();
  const before = sleeps();
  const ready = selector.select(1000).length;
  const ms = performance.now() - start;
  parentPort!.postMessage({ ms, ready, sleeps: sleeps() - before });
  const told = selector.select(5000).length;
  parentPort!.postMessage({ toldAt: performance.timeOrigin + performance.now(), ready: told });
  selector.close();
}

if (isMainThread) await main();
else work();
