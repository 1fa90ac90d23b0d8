/** A run: threads that connect, start together, and whose results are added up. */
import { Counters, COUNTERS_BYTES, type Thread } from "../../engine/mod.ts";
import { wake } from "../../selectors/mod.ts";
import { codeName } from "../../sys/errno.ts";
import { closeFd } from "../../sys/posix.ts";
import {
  LOAD_COMMAND,
  type LoadData,
  type LoadMessage,
  type LoadResult,
  type Plan,
} from "../plan/plan.ts";
import type { Recorder } from "../../result/recorder.ts";
import type { TimelineRow } from "../../result/result.ts";
import { rateProfile } from "../plan/schedule.ts";
import { RECORDERS, RECORDERS_BYTES } from "../generator/tally.ts";
import { Intervals, type Progress, progressOf, recorded, Rehearsal, type Shared } from "./watch.ts";

/** Starts a thread of a role; main.ts provides it, because Workers can only be started there. */
export type SpawnLoad = (role: "load", data: LoadData) => Thread;

/** When threads that have connected may begin. */
export interface StartOptions {
  /** Called when all have connected; they begin when it resolves. */
  readonly connected?: () => Promise<void> | undefined;
}

/** How often the begin of counting is looked for, and how long an interval of the timeline is, in ms. */
const LOOK_MS = 20;
const INTERVAL_MS = 1000;
/** A last interval shorter than this is part of the one before: its rate would mean nothing. */
const SHORTEST_MS = 200;

/** A run that goes on. */
export class Run {
  readonly plan: Plan;
  /** A row for each second so far. */
  readonly timeline: TimelineRow[] = [];
  readonly #control = new SharedArrayBuffer(4);
  readonly #threads: Shared[] = [];
  readonly #wakeFds: number[] = [];
  readonly #intervals: Intervals;
  #interrupted = false;
  #countingSince = 0;
  #rehearsal: Rehearsal | undefined = new Rehearsal();
  #watching: ReturnType<typeof setTimeout> | undefined;

  constructor(plan: Plan) {
    this.plan = plan;
    this.#intervals = new Intervals(this.#threads, rateProfile(plan).length > 0);
  }

  /** Starts the threads and resolves when all have ended. @throws the error of a thread that broke */
  async start(spawn: SpawnLoad, options: StartOptions = {}): Promise<LoadResult[]> {
    const { connections } = this.plan;
    const workers = Math.min(this.plan.workers, connections);
    let connected = 0;
    const threads = Array.from({ length: workers }, (_, worker) => {
      const first = Math.floor(connections * worker / workers);
      const count = Math.floor(connections * (worker + 1) / workers) - first;
      return this.#startThread(spawn, { worker, workers, first, count }, async () => {
        if (++connected < workers) return;
        await options.connected?.();
        if (!this.#interrupted) this.#command(LOAD_COMMAND.go);
      });
    });
    this.#watch();
    try {
      const ended = await Promise.allSettled(threads);
      return ended.map((thread) => {
        if (thread.status === "rejected") throw thread.reason;
        return thread.value;
      });
    } finally {
      clearTimeout(this.#watching);
      this.#lastInterval();
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
    this.#threads.push({ counters: new Counters(counters), recorders });
    const data = { plan: this.plan, ...part, control: this.#control, counters, recorders };
    return new Promise((resolve, reject) => {
      let result: LoadResult | undefined;
      let failure: Error | undefined;
      const failed = (error: Error) => {
        failure ??= error;
        this.interrupt(); // the others, which can only end themselves
      };
      const thread = spawn("load", data);
      thread.on("error", failed);
      thread.on("exit", (code) => {
        if (result && !failure) resolve(result);
        else {
          reject(failure ?? new Error(`A generator thread ended with code ${code} and no result`));
        }
      });
      thread.on("message", (message: LoadMessage) => {
        if (message.type === "result") result = message.result;
        else {
          this.#wakeFds.push(message.wakeFd);
          connected().catch(failed);
        }
      });
    });
  }

  /** Ends the run early. */
  interrupt(): void {
    this.#interrupted = true;
    this.#command(LOAD_COMMAND.stop);
  }

  #command(command: number): void {
    Atomics.store(new Int32Array(this.#control), 0, command);
    for (const wakeFd of this.#wakeFds) wake({ wakeFd });
  }

  /** Adds a row to the timeline for each second in which messages count. */
  #watch(): void {
    const now = performance.now();
    if (this.#countingSince > 0) this.timeline.push(this.#intervals.next(now));
    else if (this.#intervals.counting) {
      this.#countingSince = now;
      this.#intervals.begin(now);
      this.#rehearsal = undefined;
    } else this.#rehearsal?.next();
    // No more often than there is something to do: the generator may have the same CPU.
    const wait = this.#countingSince === 0 ? LOOK_MS : Math.max(0, this.#intervalEnd - now);
    this.#watching = setTimeout(() => this.#watch(), wait);
  }

  /** When the next interval is over. */
  get #intervalEnd(): number {
    return this.#countingSince + (this.timeline.length + 1) * INTERVAL_MS;
  }

  #lastInterval(): void {
    if (this.#countingSince === 0) return;
    const now = performance.now();
    const rest = now - this.#intervalEnd + INTERVAL_MS;
    if (rest >= SHORTEST_MS) this.timeline.push(this.#intervals.next(now));
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** Milliseconds since messages count; 0 before. */
  get elapsedMs(): number {
    return this.#countingSince === 0 ? 0 : performance.now() - this.#countingSince;
  }

  /** What has been done so far. */
  progress(): Progress {
    return progressOf(this.#threads);
  }

  /** A recorder over all threads, as it is now. */
  recorder(which: keyof typeof RECORDERS): Recorder {
    return recorded(this.#threads, RECORDERS[which]);
  }

  /** Errors over all threads, by their names. */
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
