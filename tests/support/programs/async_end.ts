// How a program ends around a selectAsync: ["exit" while it waits, "natural" after it, "worker" in one].
import { writeSync } from "node:fs";
import { isMainThread, Worker } from "node:worker_threads";
import { createSelector, EVENT_READ } from "../../../lib/selectors/mod.ts";
import { socketPair } from "../../../lib/net/mod.ts";

const how = process.argv[2];
const selector = createSelector();
const [idle] = socketPair();
selector.register(idle, EVENT_READ);

if (isMainThread && how === "worker") {
  new Worker(new URL(import.meta.url)).on("exit", (code) => writeSync(1, `worker ended ${code}\n`));
} else if (how === "exit") {
  void selector.selectAsync();
  setTimeout(() => process.exit(3), 50);
} else {
  await selector.selectAsync(30);
  writeSync(1, "waited\n");
}
