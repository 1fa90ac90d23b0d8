// An engine whose process runs out of descriptors: prints as JSON what happened. In a process of its own,
// as the limit is the process's. Argument: the selector.
import { COUNTER, createEngine, type Handler } from "../../../lib/engine/mod.ts";
import { type OSError, Socket } from "../../../lib/net/mod.ts";
import type { SelectorName } from "../../../lib/selectors/mod.ts";
import { threadCpu } from "../../../lib/sys/process/limits.ts";
import { closeFd } from "../../../lib/sys/posix.ts";
import { limitDescriptors, takeDescriptors } from "../scarce.ts";

const engine = createEngine({ selector: process.argv[2] as SelectorName });
const socket = Socket.listen({ host: "127.0.0.1" });
const to = { host: "127.0.0.1", port: (socket.localAddress as { port: number }).port };
let opened = 0;
const pauses: string[] = [];
const handler: Handler<null> = {
  open: () => void opened++,
  data() {},
  writable() {},
  end: (connection) => connection.end(),
  close() {},
};
engine.listen(socket, {
  handler,
  state: () => null,
  paused: (error: OSError) => void pauses.push(error.message),
});
const turnFor = (ms: number) => {
  let turns = 0;
  for (const end = performance.now() + ms; performance.now() < end; turns++) {
    const timer = engine.after(Math.max(0, end - performance.now()), () => {});
    engine.turn();
    timer.cancel();
  }
  return turns;
};

const peers = Array.from({ length: 8 }, () => Socket.connect({ ...to, timeoutMs: 1000 }));
// Room for three, while eight wait.
limitDescriptors(16);
const free = takeDescriptors(3);

turnFor(20);
const before = opened;
const cpu = threadCpu();
const turns = turnFor(400);
const after = threadCpu();
const cpuMs = after.user + after.system - cpu.user - cpu.system;

// One goes: its place is taken at once, without waiting for the retry of 100 ms.
peers[0]!.close();
let turnsToRecover = 0;
for (; opened === before && turnsToRecover < 1000; turnsToRecover++) {
  const timer = engine.after(2, () => {});
  engine.turn();
  timer.cancel();
}

for (const fd of free) closeFd(fd); // noticed by the retry
turnFor(300);
const { slots } = engine.counters;
const counted = slots[COUNTER.acceptPauses];
console.log(JSON.stringify({ before, turns, cpuMs, turnsToRecover, opened, pauses, counted }));
engine.close();
process.exit(0);
