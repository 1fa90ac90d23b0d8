/**
 * iomux: from the arguments to the exit code; or, in a thread that this file started, a thread's body.
 *
 * Workers start here and nowhere else. In a compiled binary a worker's address is found from the entry
 * file only, and `import.meta.main` is true in a Worker as well, hence `isMainThread`.
 */
import type { Worker as Thread } from "node:worker_threads";
import { isMainThread } from "./lib/sys/runtime.ts";

/** Loaded for a thread only: the module takes a tenth of a short command's start. */
const threads = () => process.getBuiltinModule("node:worker_threads");

/** Starts this file again as a thread of the given role. */
function spawn(role: string, data: unknown): Thread {
  const { Worker } = threads();
  return new Worker(new URL(import.meta.url), { workerData: { role, data } });
}

async function runThread(): Promise<void> {
  const { parentPort, workerData } = threads();
  const post = (message: unknown) => parentPort!.postMessage(message);
  if (workerData.role === "serve") {
    const { runServeWorker } = await import("./lib/serve/worker.ts");
    await runServeWorker(workerData.data, post);
  } else if (workerData.role === "load") {
    const { runLoad } = await import("./lib/stress/generator/body.ts");
    await runLoad(workerData.data, post);
  } else if (workerData.role === "probe") {
    const { runProfiles } = await import("./lib/probe/run.ts");
    await runProfiles(workerData.data, post);
  } else if (workerData.role === "metrics") {
    const { runMetricsWorker } = await import("./lib/serve/metrics/worker.ts");
    runMetricsWorker(workerData.data, post);
  } else if (workerData.role === "handler") {
    const { runHandlerWorker } = await import("./lib/serve/handoff/handler_worker.ts");
    await runHandlerWorker(workerData.data, post);
  } else if (workerData.role === "relay") {
    const { runRelay } = await import("./lib/client/relay.ts");
    runRelay(workerData.data);
  } else throw new Error(`Unknown role of a thread: ${workerData.role}`);
}

async function runProgram(): Promise<void> {
  // Until a command says what it does: a signal that asks for a report must not end what it asks.
  if (process.platform !== "win32") process.on("SIGUSR1", () => {});
  const { main } = await import("./lib/cli/program.ts");
  const { leave } = await import("./lib/cli/leave.ts");
  leave(await main(process.argv.slice(2), spawn));
}

void (isMainThread ? runProgram() : runThread());
