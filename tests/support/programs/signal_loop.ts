// The loop that the documentation advises: wait for at most 100 ms, then let the runtime have a turn. Says
// when handlers run, and ends by itself after SIGTERM: [selector's name].
import { writeSync } from "node:fs";
import { Socket } from "../../../lib/net/mod.ts";
import { createSelector, EVENT_READ, type SelectorName } from "../../../lib/selectors/mod.ts";
import { rest, turn } from "../storm.ts";

const print = (text: string) => writeSync(1, `${text}\n`);
let stop = false;
process.on("SIGINT", () => print("SIGINT"));
process.on("SIGTERM", () => {
  print("SIGTERM");
  stop = true;
});
await rest(60); // Deno installs handlers in a later turn

using selector = createSelector(process.argv[2] as SelectorName);
using listener = Socket.listen({ host: "127.0.0.1" });
selector.register(listener, EVENT_READ);
print("waiting");
const start = performance.now();
let turns = 0;
for (; !stop && performance.now() - start < 10_000; turns++) {
  const called = selector.dispatch(100, () => print("something was ready"));
  // A timer after a wait for nothing: Deno looks for signals when it sleeps, or after 61 turns.
  await (called === 0 ? rest(0) : turn());
}
print(JSON.stringify({ stop, turns, ms: performance.now() - start }));
process.exit(stop ? 0 : 1);
