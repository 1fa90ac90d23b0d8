// How a program ends around a selectAsync: ["exit" while it waits, "natural" after it, "worker" in one,
// "terminate" of one that waits, "workers" of which each has waited].
import { readdirSync, writeSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createSelector, EVENT_READ } from "../../../lib/selectors/mod.ts";
import { socketPair } from "../../../lib/net/mod.ts";
import { until } from "../waiting.ts";

const how = isMainThread ? process.argv[2] : workerData;
const selector = createSelector();
const [idle, peer] = socketPair();
selector.register(idle, EVENT_READ);

if (isMainThread && how === "worker") {
  new Worker(new URL(import.meta.url)).on("exit", (code) => writeSync(1, `worker ended ${code}\n`));
} else if (isMainThread && how === "terminate") {
  const worker = new Worker(new URL(import.meta.url), { workerData: how });
  // Its own thread has begun to poll by then; if not, that is no failure.
  worker.on("message", () => setTimeout(() => void worker.terminate(), 300));
  worker.on("exit", () => writeSync(1, "worker ended\n"));
} else if (how === "terminate") {
  void selector.selectAsync();
  parentPort!.postMessage("waits");
} else if (isMainThread && how === "workers") {
  const run = () =>
    new Promise((resolve) => {
      new Worker(new URL(import.meta.url), { workerData: "once" }).on("exit", resolve);
    });
  await run();
  const open = () => readdirSync("/dev/fd").length;
  const before = open();
  for (let i = 0; i < 5; i++) await run();
  await until(() => open() - before < 5); // what the runtime had for the last may come late
  writeSync(1, `${open() - before < 5 ? "none" : "some"} left\n`);
} else if (how === "once") {
  await selector.selectAsync(5);
  for (const item of [selector, idle, peer]) item.close();
} else if (how === "exit") {
  void selector.selectAsync();
  setTimeout(() => process.exit(3), 50);
} else {
  await selector.selectAsync(30);
  writeSync(1, "waited\n");
}
