// A main thread that waits on a selector when a signal with a handler arrives: [selector's name].
import { writeSync } from "node:fs";
import { createSelector, type SelectorName } from "../../../lib/selectors/mod.ts";

const print = (text: string) => writeSync(1, `${text}\n`);
let handled = 0;
process.on("SIGUSR2", () => handled++);
const keepAlive = setInterval(() => {}, 1000);
await new Promise((resolve) => setTimeout(resolve, 50)); // Deno installs the handler in a later turn

using selector = createSelector(process.argv[2] as SelectorName);
print("waiting");
const start = performance.now();
const ready = selector.select(10_000).length;
const ms = performance.now() - start;
const handledBeforeYield = handled;
for (let turns = 0; handled === 0 && turns < 200; turns++) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
print(JSON.stringify({ ready, ms, handledBeforeYield, handled }));
clearInterval(keepAlive);
process.exit(0);
