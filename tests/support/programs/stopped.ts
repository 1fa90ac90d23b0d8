// Waits on its standard input for a second, on the main thread or in a Worker: [selector's name, where]. The
// test stops the whole process meanwhile, for longer than that.
import { writeSync } from "node:fs";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { createSelector, EVENT_READ, type SelectorName } from "../../../lib/selectors/mod.ts";

const print = (text: string) => writeSync(1, `${text}\n`);

function wait(name: SelectorName) {
  using selector = createSelector(name);
  selector.register(0, EVENT_READ);
  print("waiting");
  const start = performance.now();
  const ready = selector.select(1000).map(([, events]) => events);
  print(JSON.stringify({ ready, ms: performance.now() - start }));
}

if (!isMainThread) wait(workerData as SelectorName);
else if (process.argv[3] === "main") {
  wait(process.argv[2] as SelectorName);
  process.exit(0);
} else {
  new Worker(new URL(import.meta.url), { workerData: process.argv[2] })
    .on("exit", () => process.exit(0));
}
