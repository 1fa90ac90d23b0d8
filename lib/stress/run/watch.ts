/** Looking at a run while it goes on: what its threads count in shared memory, an interval at a time. */
import { COUNTER, Counters } from "../../engine/mod.ts";
import type { Plan } from "../plan/plan.ts";
import { Recorder } from "../../result/recorder.ts";
import type { TimelineRow } from "../../result/result.ts";
import { PROGRESS, RECORDERS, RECORDERS_BYTES } from "../generator/tally.ts";

/** What a thread shares. */
export interface Shared {
  readonly counters: Counters;
  readonly recorders: SharedArrayBuffer;
}

/** How far a run is. */
export interface Progress {
  readonly connections: number;
  readonly sent: number;
  readonly received: number;
  readonly mismatched: number;
  readonly errors: number;
  readonly bytes: number;
}

/** A run that can be looked at while it goes on, wherever it runs. */
export interface Watched {
  readonly plan: Pick<Plan, "connections" | "warmupMs" | "expect">;
  /** Milliseconds since messages count; 0 before. */
  readonly elapsedMs: number;
  /** What happened in each second; at least in the last one. */
  readonly timeline: readonly TimelineRow[];
  progress(): Progress;
}

const sum = (threads: readonly Shared[], slot: number) =>
  threads.reduce((total, { counters }) => total + counters.slots[slot]!, 0);

/** The sum of a recorder of each thread, written to `total`. */
export function recorded(
  threads: readonly Shared[],
  which: number,
  total: Recorder = new Recorder(),
): Recorder {
  total.reset();
  for (const { recorders } of threads) total.add(new Recorder(recorders, which));
  return total;
}

/** The counts of all threads. */
export function progressOf(threads: readonly Shared[]): Progress {
  const mismatched = sum(threads, PROGRESS.mismatched);
  return {
    connections: sum(threads, PROGRESS.open),
    sent: sum(threads, PROGRESS.sent),
    received: sum(threads, PROGRESS.received),
    mismatched,
    errors: sum(threads, PROGRESS.failures) + mismatched,
    bytes: sum(threads, COUNTER.bytesIn),
  };
}

/** Everything at one moment. */
interface Moment {
  readonly at: number;
  readonly progress: Progress;
  readonly bytesOut: number;
  readonly latency: Recorder;
  readonly corrected: Recorder;
}

/** Makes rows of what happened between two looks. */
export class Intervals {
  readonly #threads: readonly Shared[];
  readonly #open: boolean;
  #startedAt = 0;
  #last: Moment | undefined;
  /** A moment of the past, whose recorders are used again: each has 185 kB. */
  #past: Moment | undefined;
  readonly #interval = new Recorder();

  /** `open` says whether there is a schedule, and so corrected latencies. */
  constructor(threads: readonly Shared[], open: boolean) {
    this.#threads = threads;
    this.#open = open;
  }

  /** Whether all threads have begun to count. */
  get counting(): boolean {
    return this.#threads.length > 0 &&
      this.#threads.every(({ counters }) => counters.slots[PROGRESS.counting] === 1);
  }

  /** Begins the first interval, at `now` in milliseconds. */
  begin(now: number): void {
    this.#startedAt = now;
    this.#last = this.#look(now);
  }

  /** What has happened since the last call, or the begin. */
  next(now: number): TimelineRow {
    const before = this.#last!;
    const moment = this.#last = this.#look(now);
    this.#past = before;
    const latency = moment.latency.since(before.latency, this.#interval);
    const percentiles = {
      p50: latency.percentile(50),
      p90: latency.percentile(90),
      p99: latency.percentile(99),
      max: latency.percentile(100),
    };
    const { progress } = moment;
    const risen = (key: keyof Progress) => progress[key] - before.progress[key];
    return {
      t: seconds(now - this.#startedAt),
      seconds: seconds(now - before.at),
      sent: risen("sent"),
      received: risen("received"),
      bytes_sent: moment.bytesOut - before.bytesOut,
      bytes_received: risen("bytes"),
      errors: risen("errors"),
      active: progress.connections,
      ...percentiles,
      p99_corrected: this.#open
        ? moment.corrected.since(before.corrected, this.#interval).percentile(99)
        : null,
    };
  }

  #look(at: number): Moment {
    return {
      at,
      progress: progressOf(this.#threads),
      bytesOut: sum(this.#threads, COUNTER.bytesOut),
      latency: recorded(this.#threads, RECORDERS.latency, this.#past?.latency),
      corrected: recorded(this.#threads, RECORDERS.corrected, this.#past?.corrected),
    };
  }
}

/** After so many rows nothing is left to compile. */
const ENOUGH_ROWS = 30;

/**
 * Makes rows of invented figures, to be called now and then before a run: when its first row is due, the code
 * is compiled, and takes no time from a generator that has the same CPU.
 */
export class Rehearsal {
  readonly #intervals: Intervals;
  readonly #recorders: Recorder[];
  #rows = 0;

  constructor() {
    const recorders = new SharedArrayBuffer(RECORDERS_BYTES);
    this.#recorders = Object.values(RECORDERS).map((which) => new Recorder(recorders, which));
    this.#intervals = new Intervals([{ counters: new Counters(), recorders }], true);
    this.#intervals.begin(0);
  }

  next(): void {
    if (this.#rows === ENOUGH_ROWS) return;
    for (const recorder of this.#recorders) {
      for (let ms = 0.01; ms < 1000; ms *= 1.1) recorder.record(ms);
    }
    this.#intervals.next(1000 * ++this.#rows);
  }
}

const seconds = (ms: number) => Math.round(ms) / 1000;
