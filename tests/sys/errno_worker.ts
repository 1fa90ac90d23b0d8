// Counts wrong errnos in a thread of its own, whose errno has another address than the main thread's.
import { parentPort, workerData } from "node:worker_threads";
import { countWrongErrnos } from "./errno_loop.ts";

parentPort!.postMessage("started");
parentPort!.postMessage({ wrong: countWrongErrnos(workerData as number) });
