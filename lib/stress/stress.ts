/** A run: threads that connect, start together, and whose results are added up. */
import { COUNTER, Counters, COUNTERS_BYTES, type Thread } from "../engine/mod.ts";
import { wake } from "../selectors/mod.ts";
import { codeName } from "../sys/errno.ts";
import { closeFd } from "../sys/posix.ts";
import {
  LOAD_COMMAND,
  type LoadData,
  type LoadMessage,
  type LoadResult,
  type Plan,
  type StressResult,
} from "./plan.ts";
import { Recorder } from "./recorder.ts";
import { PROGRESS } from "./tally.ts";

/** Starts a thread of a role; main.ts provides it, because Workers can only be started there. */
export type SpawnLoad = (role: "load", data: LoadData) => Thread;

/** How far a run is. */
export interface Progress {
  readonly connections: number;
  readonly sent: number;
  readonly received: number;
  readonly mismatched: number;
  readonly bytes: number;
}

/** A run that goes on. */
export class Run {
  readonly plan: Plan;
  readonly #control = new SharedArrayBuffer(4);
  readonly #counters: Counters[] = [];
  readonly #wakeFds: number[] = [];
  #interrupted = false;

  constructor(plan: Plan) {
    this.plan = plan;
  }

  /** Starts the threads and resolves when all have ended. @throws the error of a thread that broke */
  async start(spawn: SpawnLoad): Promise<LoadResult[]> {
    const { connections } = this.plan;
    const workers = Math.min(this.plan.workers, connections);
    let connected = 0;
    const threads = Array.from({ length: workers }, (_, i) => {
      const first = Math.floor(connections * i / workers);
      const count = Math.floor(connections * (i + 1) / workers) - first;
      return this.#startThread(spawn, first, count, () => {
        if (++connected === workers && !this.#interrupted) this.#command(LOAD_COMMAND.go);
      });
    });
    try {
      const ended = await Promise.allSettled(threads);
      return ended.map((thread) => {
        if (thread.status === "rejected") throw thread.reason;
        return thread.value;
      });
    } finally {
      for (const wakeFd of this.#wakeFds.splice(0)) closeFd(wakeFd);
    }
  }

  #startThread(
    spawn: SpawnLoad,
    first: number,
    count: number,
    connected: () => void,
  ): Promise<LoadResult> {
    const counters = new SharedArrayBuffer(COUNTERS_BYTES);
    this.#counters.push(new Counters(counters));
    const data = { plan: this.plan, first, count, control: this.#control, counters };
    return new Promise((resolve, reject) => {
      let result: LoadResult | undefined;
      let failure: Error | undefined;
      const thread = spawn("load", data);
      thread.on("error", (error) => {
        failure = error;
        this.interrupt(); // the others, which can only end themselves
      });
      thread.on("exit", (code) => {
        if (result && !failure) resolve(result);
        else {reject(
            failure ?? new Error(`A generator thread ended with code ${code} and no result`),
          );}
      });
      thread.on("message", (message: LoadMessage) => {
        if (message.type === "result") result = message.result;
        else {
          this.#wakeFds.push(message.wakeFd);
          connected();
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

  get interrupted(): boolean {
    return this.#interrupted;
  }

  progress(): Progress {
    const sum = (slot: number) =>
      this.#counters.reduce((total, { slots }) => total + slots[slot]!, 0);
    return {
      connections: sum(COUNTER.active),
      sent: sum(PROGRESS.sent),
      received: sum(PROGRESS.received),
      mismatched: sum(PROGRESS.mismatched),
      bytes: sum(COUNTER.bytesIn),
    };
  }

  /** Bytes and errors over all threads. */
  totals(): { bytesIn: number; bytesOut: number; errors: Record<string, number> } {
    const errors: Record<string, number> = {};
    let bytesIn = 0;
    let bytesOut = 0;
    for (const counters of this.#counters) {
      bytesIn += counters.slots[COUNTER.bytesIn]!;
      bytesOut += counters.slots[COUNTER.bytesOut]!;
      for (const [errno, count] of counters.errors()) {
        errors[codeName(errno)] = (errors[codeName(errno)] ?? 0) + count;
      }
    }
    return { bytesIn, bytesOut, errors };
  }
}

/** What is known of the embedded server, if there is one. */
export interface EmbeddedServer {
  readonly stats: unknown;
  /** CPU time of everything in the process but the generator, in milliseconds. */
  readonly otherCpuMs: (generatorCpuMs: number) => number;
}

/** Adds the threads' results up. */
export function summarize(
  version: string,
  target: string,
  run: Run,
  results: readonly LoadResult[],
  server: EmbeddedServer | null,
): StressResult {
  const { plan } = run;
  const sum = (pick: (result: LoadResult) => number) =>
    results.reduce((total, result) => total + pick(result), 0);
  const latency = new Recorder();
  const connect = new Recorder();
  for (const result of results) {
    latency.merge(result.latency);
    connect.merge(result.connect);
  }
  const startedAt = Math.min(...results.map((result) => result.startedAt));
  const endedAt = Math.max(...results.map((result) => result.endedAt));
  const seconds = Math.max(endedAt - startedAt, 0.001) / 1000;
  const { bytesIn, bytesOut, errors } = run.totals();
  const messages = {
    sent: sum((r) => r.sent),
    received: sum((r) => r.received),
    verified: sum((r) => r.verified),
    mismatched: sum((r) => r.mismatched),
    timed_out: sum((r) => r.timedOut),
    lost: sum((r) => r.unanswered),
  };
  const done = plan.expect === "none" ? messages.sent : messages.verified;
  const connections = {
    requested: plan.connections,
    established: sum((r) => r.established),
    failed: sum((r) => r.failed),
    lost: sum((r) => r.lost),
    reconnected: 0,
    peak: sum((r) => r.peak),
  };
  const { target: _, ...config } = plan;
  const clean = messages.mismatched + messages.timed_out + messages.lost + connections.failed +
      connections.lost === 0;
  return {
    iomux: version,
    target,
    selector: results[0]!.selector,
    config,
    interrupted: run.interrupted,
    duration_s: Math.round(seconds * 1e6) / 1e6,
    connections,
    messages,
    bytes: { sent: bytesOut, received: bytesIn },
    rate: {
      messages_per_s: Math.round(done / seconds * 10) / 10,
      bytes_per_s: Math.round(done * plan.size / seconds),
    },
    latency_us: latency.summary(),
    latency_corrected_us: null,
    connect_us: connect.summary(),
    errors,
    first_mismatch: results.find((r) => r.firstMismatch)?.firstMismatch ?? null,
    generator: audit(results, seconds, server),
    server: server?.stats ?? null,
    thresholds: [],
    verdict: clean ? "pass" : "fail",
  };
}

/** Above this a thread has no time left to send earlier. In percent of one CPU. */
const SATURATED = 95;
/** Shorter runs are mostly start-up, and say nothing of either side. */
const MIN_AUDIT_SECONDS = 1;

/** Was it the generator that limited the rate? */
function audit(
  results: readonly LoadResult[],
  seconds: number,
  server: EmbeddedServer | null,
): StressResult["generator"] {
  const percent = Math.max(...results.map((r) => r.cpuMs / 10 / seconds));
  const cpuMs = results.reduce((total, r) => total + r.cpuMs, 0);
  // An embedded server that is just as busy is as much the limit as the generator.
  const serverBusy = server !== null && server.otherCpuMs(cpuMs) >= 0.9 * cpuMs;
  const bottleneck = seconds >= MIN_AUDIT_SECONDS && percent >= SATURATED && !serverBusy;
  return {
    cpu_percent: Math.round(percent * 10) / 10,
    schedule_lag_us: { p50: 0, p99: 0, max: 0 }, // a closed loop has no schedule to lag behind
    bottleneck,
    reason: bottleneck
      ? `a generator thread used ${
        Math.round(percent)
      } % of a CPU: the target may be faster than ` +
        "this rate; use more --workers"
      : null,
  };
}
