// A second thread that acts while the test's own thread is blocked in the kernel. No timer could:
// a blocked thread runs none.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { WakeHandle } from "../../lib/selectors/mod.ts";

export type Task =
  & { afterMs: number }
  & (
    | { kind: "wake"; handle: WakeHandle }
    | { kind: "write"; fd: number; text: string }
    | { kind: "drain"; fd: number }
    | { kind: "accept"; fd: number }
  );

export class HelperThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static async start(): Promise<HelperThread> {
    const worker = new Worker(new URL("./helper_worker.ts", import.meta.url));
    await once(worker, "message");
    return new HelperThread(worker);
  }

  /** Hands over a task without waiting for it; the promise has its result. */
  later(task: Task): Promise<unknown> {
    const done = once(this.#worker, "message").then(([result]) => result);
    this.#worker.postMessage(task);
    return done;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
