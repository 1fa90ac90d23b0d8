/** Looking at a run while it goes on: what its threads count in shared memory, an interval at a time. */
import type { Counters } from "../../engine/mod.ts";
import type { Plan } from "../plan/plan.ts";
import { Recorder } from "../../result/recorder.ts";
import type { TimelineRow } from "../../result/result.ts";
import { FIGURE, type Half, Halves, PROGRESS } from "../generator/intervals.ts";

export interface Shared {
  readonly counters: Counters;
  readonly recorders: SharedArrayBuffer;
  readonly intervals: SharedArrayBuffer;
}

export interface Progress {
  readonly connections: number;
  readonly sent: number;
  readonly received: number;
  readonly mismatched: number;
  readonly errors: number;
  /** Messages that are known not to be answered any more. */
  readonly unanswered: number;
}

/** A run that can be looked at while it goes on. */
export interface Watched {
  readonly plan: Pick<Plan, "connections" | "warmupMs" | "expect">;
  /** Milliseconds since messages count; 0 before. */
  readonly elapsedMs: number;
  /** What happened in each second that is over. */
  readonly timeline: readonly TimelineRow[];
  progress(): Progress;
}

export function progressOf(threads: readonly Shared[]): Progress {
  const sum = (slot: number) =>
    threads.reduce((total, { counters }) => total + counters.slots[slot]!, 0);
  const mismatched = sum(PROGRESS.mismatched);
  return {
    connections: sum(PROGRESS.open),
    sent: sum(PROGRESS.sent),
    received: sum(PROGRESS.received),
    mismatched,
    errors: sum(PROGRESS.failures) + mismatched,
    unanswered: sum(PROGRESS.timedOut) + sum(PROGRESS.unanswered),
  };
}

/** What a thread had counted by the end of an interval. */
type Figures = Readonly<Record<keyof typeof FIGURE, number>>;

interface Source {
  readonly halves: Halves;
  /** At the end of its last interval; and at the end of each one that is no row yet. */
  readonly ended: Figures[];
  over: boolean;
}

const NO_FIGURES: Figures = {
  ...{ number: 0, ms: 0, sent: 0, received: 0, bytesOut: 0, bytesIn: 0, errors: 0, open: 0 },
  drained: 0,
  start: Infinity,
};

/** Makes the rows of a run of the intervals of its threads, which add up to the totals exactly. */
export class Timeline {
  readonly rows: TimelineRow[] = [];
  /** All latencies of the intervals that are rows. */
  latency: Recorder = new Recorder();
  corrected: Recorder = new Recorder();
  readonly #open: boolean;
  readonly #sources: Source[] = [];
  /** Of rows that are not complete: some threads are still in these intervals. */
  readonly #pending = new Map<number, Pick<Half, "latency" | "corrected">>();
  #before: Figures = NO_FIGURES;

  /** `open` says whether there is a schedule, and so corrected latencies. */
  constructor(open: boolean) {
    this.#open = open;
  }

  /** Adds a thread; returns its number. */
  add(intervals: SharedArrayBuffer): number {
    return this.#sources.push({ halves: new Halves(intervals), ended: [NO_FIGURES], over: false }) -
      1;
  }

  /** A thread has ended an interval; with `over` its last one. */
  read(thread: number, over = false): void {
    const source = this.#sources[thread]!;
    source.over ||= over;
    source.halves.read((half) => this.#take(source, half));
    const ends = this.#sources.map(({ ended, over }) => over ? Infinity : ended.at(-1)!.number);
    const complete = Math.min(...ends);
    for (const number of [...this.#pending.keys()].sort((a, b) => a - b)) {
      if (number <= complete) this.#complete(number);
    }
  }

  /** These were no latencies of right replies: the totals are without them. */
  takeBack(latency: Recorder, corrected: Recorder): void {
    if (latency.count === 0) return;
    this.latency = this.latency.without(latency);
    this.corrected = this.corrected.without(corrected);
  }

  #take(source: Source, { figures, latency, corrected }: Half): void {
    const all = Object.entries(FIGURE).map(([name, slot]) => [name, figures[slot]!]);
    const ended: Figures = Object.fromEntries(all);
    source.ended.push(ended);
    const pending = this.#pending.get(ended.number) ??
      { latency: new Recorder(), corrected: new Recorder() };
    this.#pending.set(ended.number, pending);
    pending.latency.add(latency);
    pending.corrected.add(corrected);
  }

  #complete(number: number): void {
    const { latency, corrected } = this.#pending.get(number)!;
    this.#pending.delete(number);
    this.latency.add(latency);
    this.corrected.add(corrected);
    const now = this.#figuresAt(number);
    const before = this.#before;
    this.#before = now;
    const risen = (name: keyof Figures) => now[name] - before[name];
    const from = Math.max(before.ms, now.start);
    const [p50, p90, p99, max] = [50, 90, 99, 100].map((p) => latency.percentile(p)) as [
      ...[number, number, number, number],
    ];
    this.rows.push({
      t: seconds(now.ms - now.start),
      seconds: seconds(now.ms - from),
      sent: risen("sent"),
      received: this.#ofThisRow(risen("received")),
      bytes_sent: risen("bytesOut"),
      bytes_received: risen("bytesIn"),
      errors: risen("errors"),
      active: now.open,
      ...{ p50, p90, p99, max },
      p99_corrected: this.#open ? corrected.percentile(99) : null,
      drained: risen("drained"),
      p50_corrected: this.#open ? corrected.percentile(50) : null,
    });
  }

  /** Where more replies were taken back than came, these are of rows before. */
  #ofThisRow(received: number): number {
    for (let i = this.rows.length - 1; i >= 0 && received < 0; i--) {
      const row = this.rows[i]!;
      const taken = Math.min(row.received, -received);
      this.rows[i] = { ...row, received: row.received - taken };
      received += taken;
    }
    return received;
  }

  /** Of all threads at the end of interval `number`: what each had at the end of its last one until then. */
  #figuresAt(number: number): Figures {
    const sum = { ...NO_FIGURES } as Record<keyof Figures, number>;
    for (const { ended } of this.#sources) {
      while (ended.length > 1 && ended[1]!.number <= number) ended.shift();
      for (const name of Object.keys(sum) as (keyof Figures)[]) {
        const value = ended[0]![name];
        // Threads start and stop one after the other: the run is from the first start to the last stop.
        sum[name] = name === "ms"
          ? Math.max(sum.ms, value)
          : name === "start"
          ? Math.min(sum.start, value)
          : sum[name] + value;
      }
    }
    return sum;
  }
}

const seconds = (ms: number) => Math.round(ms * 1000) / 1e6;
