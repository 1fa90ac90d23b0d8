// Threads that are replaced at the worst moment: with threads that are made up, step by step.
import { describe, expect, it } from "bun:test";
import { EventEmitter } from "node:events";
import { ServerStats } from "../../lib/serve/stats.ts";
import { type SharedData, WorkerPool } from "../../lib/serve/worker_pool.ts";
import { HandlerPool } from "../../lib/serve/handoff/handler_pool.ts";
import type { HandlerWorkerData } from "../../lib/serve/handoff/handler_worker.ts";
import { STATE, WorkerTable } from "../../lib/serve/handoff/worker_table.ts";
import { until } from "../support/waiting.ts";

/** A thread that does what a test says. */
class FakeThread extends EventEmitter {
  onTerminate: () => void = () => {};

  terminate(): Promise<unknown> {
    this.onTerminate();
    return Promise.resolve();
  }
}

describe("HandlerPool", () => {
  it("gives nothing more to a worker that is being ended, though its handler has just returned", async () => {
    const threads: FakeThread[] = [];
    const spawn = (_role: string, data: HandlerWorkerData) => {
      const thread = new FakeThread();
      threads.push(thread);
      const { worker, generation } = data;
      new WorkerTable(data.memory).move(worker, STATE.vacant, STATE.idle, generation);
      queueMicrotask(() => thread.emit("message", { type: "loaded" }));
      return thread;
    };
    const options = { module: "file:///none.ts", workers: 1, loops: 1 };
    const pool = await HandlerPool.start(options, spawn, () => {});
    const table = new WorkerTable(pool.memory);
    const generation = table.generation(0);
    table.move(0, STATE.idle, STATE.orphaned);
    let isIdle: boolean | undefined;
    threads[0]!.onTerminate = () => {
      // As the worker itself would, if the handler came back at this moment.
      isIdle = table.move(0, STATE.orphaned, STATE.idle, generation);
    };
    await pool.request({ type: "stuck", worker: 0, generation });
    expect(isIdle).toBe(false);
    expect([threads.length, table.generation(0)]).toEqual([2, generation + 1]);
    // It was late: the worker has come back by itself, and stays.
    await pool.request({ type: "stuck", worker: 0, generation: generation + 1 });
    expect(threads.length).toBe(2);
    expect(await pool.stop()).toBe(true);
  });
});

describe("WorkerPool", () => {
  it("ends with the reason when a thread that has died can't be replaced", async () => {
    const threads: FakeThread[] = [];
    const spawn = () => {
      if (threads.length > 0) throw new Error("no more threads");
      threads.push(new FakeThread());
      return threads[0]!;
    };
    const told: string[] = [];
    const stats = ServerStats.create(1);
    const workers = new WorkerPool([[]], spawn, {} as SharedData, stats, {
      replaced: (message) => told.push(message),
    });
    let reason = "";
    workers.done.catch((error) => reason = error.message);
    const started = workers.start();
    threads[0]!.emit("message", { type: "ready", wakeFd: -1, selector: "epoll" });
    await started;
    threads[0]!.emit("message", { type: "died", message: "of a test", lost: 2 });
    threads[0]!.emit("exit", 0);
    expect(await until(() => reason !== "")).toBe(true);
    expect(reason).toBe("no more threads");
    expect([told.length, stats.lost]).toEqual([1, 2]);
  });
});
