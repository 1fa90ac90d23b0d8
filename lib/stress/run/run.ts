/** A run: threads that connect, start together, and whose results are added up. */
import { Counters, COUNTERS_BYTES, type Thread } from "../../engine/mod.ts";
import { wakeDescriptor } from "../../selectors/waker.ts";
import { codeName } from "../../sys/errno.ts";
import { closeFd } from "../../sys/posix.ts";
import {
  LOAD_COMMAND,
  type LoadData,
  type LoadMessage,
  type LoadResult,
  type Plan,
} from "../plan/plan.ts";
import { Recorder } from "../../result/recorder.ts";
import type { TimelineRow } from "../../result/result.ts";
import { rateProfile } from "../../result/segments.ts";
import { INTERVALS_BYTES } from "../generator/intervals.ts";
import { RECORDERS, RECORDERS_BYTES } from "../generator/tally.ts";
import { type Progress, progressOf, type Shared, Timeline, type Watched } from "./watch.ts";

/** Starts a generator thread; main.ts provides it, because Workers can only be started there. */
export type SpawnLoad = (role: "load", data: LoadData) => Thread;

export interface RunHooks {
  /** All have connected; they start when it resolves. */
  readonly connected?: () => Promise<void> | undefined;
  /** Messages count from now on; nothing new is sent from now on. */
  readonly counting?: () => void;
  readonly stopped?: () => void;
}

export class Run implements Watched {
  readonly plan: Plan;
  readonly #control = new SharedArrayBuffer(4);
  readonly #threads: Shared[] = [];
  readonly #wakeFds: number[] = [];
  readonly #timeline: Timeline;
  interrupted = false;
  #countingSince = 0;
  #stopped = false;
  /** Threads that have nothing left to do. */
  #idle = 0;
  #hooks: RunHooks = {};

  constructor(plan: Plan) {
    this.plan = plan;
    this.#timeline = new Timeline(rateProfile(plan).length > 0);
  }

  /** Starts the threads and resolves when all have ended. @throws the error of a thread that broke */
  async start(spawn: SpawnLoad, hooks: RunHooks = {}): Promise<LoadResult[]> {
    this.#hooks = hooks;
    const { connections } = this.plan;
    const workers = Math.min(this.plan.workers, connections);
    let connected = 0;
    const threads = Array.from({ length: workers }, (_, worker) => {
      const first = Math.floor(connections * worker / workers);
      const count = Math.floor(connections * (worker + 1) / workers) - first;
      return this.#startThread(spawn, { worker, workers, first, count }, async () => {
        if (++connected < workers) return;
        await hooks.connected?.();
        if (!this.interrupted) this.#command(LOAD_COMMAND.go);
      });
    });
    try {
      const ended = await Promise.allSettled(threads);
      const results = ended.map((thread) => {
        if (thread.status === "rejected") throw thread.reason;
        return thread.value;
      });
      this.#timeline.takeBack(this.recorder("spoiltLatency"), this.recorder("spoiltCorrected"));
      return results;
    } finally {
      for (const wakeFd of this.#wakeFds.splice(0)) closeFd(wakeFd);
    }
  }

  #startThread(
    spawn: SpawnLoad,
    part: Pick<LoadData, "worker" | "workers" | "first" | "count">,
    connected: () => Promise<void>,
  ): Promise<LoadResult> {
    const counters = new SharedArrayBuffer(COUNTERS_BYTES);
    const recorders = new SharedArrayBuffer(RECORDERS_BYTES);
    const intervals = new SharedArrayBuffer(INTERVALS_BYTES);
    this.#threads.push({ counters: new Counters(counters), recorders, intervals });
    const number = this.#timeline.add(intervals);
    const shared = { counters, recorders, intervals, control: this.#control };
    return new Promise((resolve, reject) => {
      let result: LoadResult | undefined;
      let failure: Error | undefined;
      const failed = (error: Error) => {
        failure ??= error;
        this.interrupt(); // the others, which can only end themselves
      };
      const thread = spawn("load", { plan: this.plan, ...part, ...shared });
      thread.on("error", failed);
      thread.on("exit", (code) => {
        if (result && !failure) resolve(result);
        else {
          reject(failure ?? new Error(`A generator thread ended with code ${code} and no result`));
        }
      });
      thread.on("message", (message: LoadMessage) => {
        switch (message.type) {
          case "connected":
            this.#wakeFds.push(message.wakeFd);
            connected().catch(failed);
            break;
          case "counting":
            return this.#count();
          case "interval":
            return this.#timeline.read(number);
          case "idle":
            this.#idle++;
            if (this.#idle === this.#threads.length && !this.interrupted) {
              this.#command(LOAD_COMMAND.finish);
            }
            break;
          case "stopped":
            if (!this.#stopped) this.#hooks.stopped?.();
            this.#stopped = true;
            break;
          case "result":
            result = message.result;
            this.#timeline.read(number, true);
        }
      });
    });
  }

  #count(): void {
    if (this.#countingSince > 0) return;
    this.#countingSince = performance.now();
    this.#hooks.counting?.();
  }

  interrupt(): void {
    this.interrupted = true;
    this.#command(LOAD_COMMAND.stop);
  }

  #command(command: number): void {
    Atomics.store(new Int32Array(this.#control), 0, command);
    for (const wakeFd of this.#wakeFds) wakeDescriptor(wakeFd);
  }

  /** Milliseconds since messages count; 0 before. */
  get elapsedMs(): number {
    return this.#countingSince === 0 ? 0 : performance.now() - this.#countingSince;
  }

  get timeline(): readonly TimelineRow[] {
    return this.#timeline.rows;
  }

  /** All latencies of the seconds that are over; of the whole run at its end. */
  get latencies(): Pick<Timeline, "latency" | "corrected"> {
    return this.#timeline;
  }

  progress(): Progress {
    return progressOf(this.#threads);
  }

  /** A recorder over all threads, as it is now. */
  recorder(which: keyof typeof RECORDERS): Recorder {
    const total = new Recorder();
    for (const { recorders } of this.#threads) {
      total.add(new Recorder(recorders, RECORDERS[which]));
    }
    return total;
  }

  /** Errors of the system over all threads, by their names. */
  errors(): Record<string, number> {
    const errors: Record<string, number> = {};
    for (const { counters } of this.#threads) {
      for (const [errno, count] of counters.errors()) {
        errors[codeName(errno)] = (errors[codeName(errno)] ?? 0) + count;
      }
    }
    return errors;
  }
}
