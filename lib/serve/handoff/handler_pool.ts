/** The main thread's side of the handler workers: started, replaced when they die, ended. */
import type { Thread } from "../../engine/mod.ts";
import type { HandlerWorkerData, HandlerWorkerMessage } from "./handler_worker.ts";
import {
  CELL,
  STATE,
  WorkerTable,
  type WorkerTableMemory,
  workerTableMemory,
} from "./worker_table.ts";

/** Starts a handler worker; main.ts provides it, because Workers can only be started there. */
export type SpawnHandler = (role: "handler", data: HandlerWorkerData) => Thread;

export interface WorkerRequest {
  readonly type: "vacant" | "stuck";
  readonly worker: number;
  readonly generation: number;
}

/** The handler module can't be used: a usage error. */
export class HandlerError extends Error {
  override readonly name = "HandlerError";
}

const RETRY_MS = 1000;
/** How long threads may take to end. */
const END_MS = 300;

export class HandlerPool {
  readonly memory: WorkerTableMemory;
  readonly #table: WorkerTable;
  readonly #module: string;
  readonly #spawn: SpawnHandler;
  readonly #report: (message: string) => void;
  readonly #threads: (Thread | undefined)[] = [];
  #ending = false;

  private constructor(
    workers: number,
    loops: number,
    module: string,
    spawn: SpawnHandler,
    report: (message: string) => void,
  ) {
    this.memory = workerTableMemory(loops, workers);
    this.#table = new WorkerTable(this.memory);
    this.#module = module;
    this.#spawn = spawn;
    this.#report = report;
  }

  /**
   * Starts the workers; resolves when all have loaded the handler.
   *
   * @throws HandlerError when the module can't be loaded or has no function as its default export
   */
  static async start(
    options: { readonly module: string; readonly workers: number; readonly loops: number },
    spawn: SpawnHandler,
    report: (message: string) => void,
  ): Promise<HandlerPool> {
    const pool = new HandlerPool(options.workers, options.loops, options.module, spawn, report);
    const starts = Array.from({ length: options.workers }, (_, worker) => pool.#start(worker));
    const problem = (await Promise.all(starts)).find((problem) => problem !== undefined);
    if (problem === undefined) return pool;
    await pool.stop();
    throw new HandlerError(`Cannot use the handler ${options.module}: ${problem}`);
  }

  /** Starts the worker of a vacant place; resolves with what is wrong with its module, if so. */
  #start(worker: number): Promise<string | undefined> {
    const generation = this.#table.renew(worker);
    return new Promise((resolve) => {
      let isLoaded = false;
      let death: Error | undefined;
      const thread = this.#spawn("handler", {
        memory: this.memory,
        worker,
        generation,
        module: this.#module,
      });
      this.#threads[worker] = thread;
      thread.on("message", (message: HandlerWorkerMessage) => {
        isLoaded = message.type === "loaded";
        resolve(message.type === "loaded" ? undefined : message.message);
      });
      thread.on("error", (error) => death ??= error);
      thread.on("exit", (code) => {
        const why = death?.message ?? `it ended with code ${code}`;
        resolve(why); // unless it has loaded
        if (this.#threads[worker] !== thread) return; // another has taken its place
        this.#threads[worker] = undefined;
        if (isLoaded && !this.#ending) this.#died(worker, why);
      });
    });
  }

  #died(worker: number, why: string): void {
    this.#report(`Handler worker ${worker + 1} died: ${why}; another takes its place`);
    const table = this.#table;
    const changes = [
      [STATE.claimed, STATE.untouched],
      [STATE.given, STATE.untouched],
      [STATE.busy, STATE.crashed],
      [STATE.finishing, STATE.crashed],
      [STATE.done, STATE.doneAndGone],
    ] as const;
    // A loop may change the state at the same moment; then it is looked at again.
    for (;;) {
      const state = table.state(worker);
      if (state === STATE.idle || state === STATE.vacant || state === STATE.orphaned) {
        if (!table.move(worker, state, STATE.vacant)) continue;
        return this.#replace(worker);
      }
      const change = changes.find(([from]) => from === state);
      if (!change) return; // the loop has seen it already
      // The loop closes the connection, or keeps it, and says that the place is vacant.
      const [from, to] = change;
      if (table.move(worker, from, to)) return table.wakeLoop(table.get(worker, CELL.loop));
    }
  }

  #replace(worker: number): void {
    this.#table.closeLent(worker); // of an orphan
    void this.#start(worker).then((problem) => {
      if (problem === undefined || this.#ending) return;
      this.#report(`Cannot start handler worker ${worker + 1}: ${problem}; trying again`);
      setTimeout(() => {
        if (!this.#ending) this.#replace(worker);
      }, RETRY_MS);
    });
  }

  async request({ type, worker, generation }: WorkerRequest): Promise<void> {
    if (this.#ending) return;
    if (type === "vacant") return this.#replace(worker);
    // Not only a look: it may end just now, and be given the next connection, which would be lost.
    if (!this.#table.move(worker, STATE.orphaned, STATE.vacant, generation)) return;
    this.#report(`Handler worker ${worker + 1} does not end; another takes its place`);
    const thread = this.#threads[worker];
    this.#threads[worker] = undefined;
    // Node can't end a thread that sits in a system call: then it keeps its descriptor until it ends.
    if (thread && !(await endsInTime(thread))) thread.on("exit", this.#table.takeLent(worker));
    if (!this.#ending) this.#replace(worker);
  }

  /** Ends all workers, when no loop is left; false when some could not be. */
  async stop(): Promise<boolean> {
    this.#ending = true;
    const ended = await Promise.all(
      this.#threads.map((thread) => thread === undefined || endsInTime(thread)),
    );
    return ended.every(Boolean);
  }
}

async function endsInTime(thread: Thread): Promise<boolean> {
  const late = Symbol();
  let guard: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise((resolve) => guard = setTimeout(() => resolve(late), END_MS));
  const outcome = await Promise.race([thread.terminate(), tooLate]);
  clearTimeout(guard);
  return outcome !== late;
}
