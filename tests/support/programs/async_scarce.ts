// Waits with selectAsync while few descriptors are free, for each of the numbers in its arguments, and
// then, with enough of them, for what comes soon: [selector's name, numbers...]. Prints as JSON, for each
// number, how the first wait ended, and whether the second was told of what came.
import { writeSync } from "node:fs";
import { socketPair } from "../../../lib/net/mod.ts";
import { createSelector, EVENT_READ, type SelectorName } from "../../../lib/selectors/mod.ts";
import { closeFd } from "../../../lib/sys/posix.ts";
import { limitDescriptors, takeDescriptors } from "../scarce.ts";

const [, , name, ...numbers] = process.argv;
const seen = [];
using selector = createSelector(name as SelectorName);
const [a, b] = socketPair();
selector.register(a, EVENT_READ);
selector.wakeHandle();
limitDescriptors(32);

const ended = (wait: Promise<unknown[]>) =>
  wait.then((ready) => `${ready.length} ready`, (error) => `failed: ${error.message}`);

for (const free of numbers.map(Number)) {
  const taken = takeDescriptors(free);
  const first = await ended(selector.selectAsync(1000));
  for (const fd of taken) closeFd(fd);
  setTimeout(() => b.send(Uint8Array.of(1)), 20);
  const start = performance.now();
  const second = await ended(selector.selectAsync(20_000));
  seen.push({ free, first, second, soon: performance.now() - start < 15_000 });
  a.recv(new Uint8Array(8));
}
writeSync(1, `${JSON.stringify(seen)}\n`);
process.exit(0);
