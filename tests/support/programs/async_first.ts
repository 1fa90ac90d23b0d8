// The first selectAsync of a thread: how long it keeps the thread from its timers, and how
// long other programs do: [selector's name].
import { writeSync } from "node:fs";
import { socketPair } from "../../../lib/net/mod.ts";
import { createSelector, EVENT_READ, type SelectorName } from "../../../lib/selectors/mod.ts";

using selector = createSelector(process.argv[2] as SelectorName);
const [a, b] = socketPair();
selector.register(a, EVENT_READ);
let blocked = 0;
let last = performance.now();
const tick = setInterval(() => {
  const now = performance.now();
  blocked = Math.max(blocked, now - last);
  last = now;
}, 1);
await new Promise((resolve) => setTimeout(resolve, 20)); // what a program starts with is over
blocked = 0;
await new Promise((resolve) => setTimeout(resolve, 300));
const before = blocked; // by other programs: the machine may be busy
blocked = 0;
setTimeout(() => b.send(Uint8Array.of(1)), 300);
const ready = (await selector.selectAsync(20_000)).length;
clearInterval(tick);
writeSync(1, `${JSON.stringify({ blocked, before, ready })}\n`);
process.exit(0);
