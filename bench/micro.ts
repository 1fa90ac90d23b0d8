// What one call of the library costs: bun bench/micro.ts (or deno run -P, or node).
// One descriptor is ready all the time, 10, 100 or 1000 others never are.
import process from "node:process";
import { type Socket, socketPair } from "../lib/net/mod.ts";
import { availableSelectors, createSelector, EVENT_READ } from "../lib/selectors/mod.ts";
import type { Selector, SelectorName } from "../lib/selectors/mod.ts";
import { median, table } from "./support/report.ts";

const idleCounts = [10, 100, 1000];
const repeats = 9;
const repeatMs = 40;

/** The median over the repeats of the nanoseconds of one call. */
function nanoseconds(call: () => void): number {
  let calls = 16;
  const run = () => {
    const from = performance.now();
    for (let i = 0; i < calls; i++) call();
    return performance.now() - from;
  };
  // Doubles until a repeat is long enough for the clock, which warms the code up as well.
  while (run() < repeatMs) calls *= 2;
  return median(Array.from({ length: repeats }, () => run() * 1e6 / calls));
}

interface Costs {
  dispatch: number;
  register: number;
}

function measure(name: SelectorName, idle: number): Costs {
  const sockets: Socket[] = [];
  const pair = (): [Socket, Socket] => {
    const both = socketPair();
    sockets.push(...both);
    return both;
  };
  const selector: Selector<number> = createSelector(name);
  try {
    for (let i = 0; i < idle; i += 2) { // both ends: nothing is ever sent on either
      for (const socket of pair()) selector.register(socket, EVENT_READ, i);
    }
    const [active, peer] = pair();
    const [spare] = pair();
    selector.register(active, EVENT_READ, -1);
    peer.send(Uint8Array.of(1)); // never read, so always ready

    let calls = 0, events = 0;
    const count = () => void events++;
    const dispatch = nanoseconds(() => {
      calls++;
      selector.dispatch(0, count);
    });
    if (events !== calls) throw new Error(`${calls} calls of dispatch gave ${events} events`);
    const register = nanoseconds(() => {
      selector.register(spare, EVENT_READ, 0);
      selector.unregister(spare);
    });
    return { dispatch, register };
  } finally {
    selector.close();
    for (const socket of sockets) socket.close();
  }
}

const rows: string[][] = [], notes: string[] = [];
for (const { name, available, reason } of availableSelectors()) {
  if (!available) {
    notes.push(`${name}: not run: ${reason}`);
    continue;
  }
  for (const idle of idleCounts) {
    try {
      const { dispatch, register } = measure(name, idle);
      rows.push([name, String(idle), dispatch.toFixed(0), register.toFixed(0)]);
    } catch (error) { // select has a limit on descriptors
      notes.push(`${name} with ${idle} idle: not run: ${(error as Error).message}`);
    }
  }
}
const head = ["selector", "idle", "dispatch(0) ns", "register + unregister ns"];
process.stdout.write([table(head, rows), ...notes, ""].join("\n"));
