/** What a generator thread counts during a run. */
import { COUNTER, type Counters } from "../../engine/mod.ts";
import type { OSError } from "../../net/mod.ts";
import type { LoadData, LoadResult } from "../plan/plan.ts";
import { Recorder, RECORDER_BYTES } from "../../result/recorder.ts";
import type { Mismatch } from "../../result/result.ts";
import { FIGURE, type Half, Halves, PROGRESS } from "./intervals.ts";

/** The recorders of a thread that are not of one interval, one after the other in shared memory. */
export const RECORDERS = {
  ...{ connect: 0, lag: 1, ownLag: 2, waiting: 3 },
  ...{ spoiltLatency: 4, spoiltCorrected: 5 },
} as const;
export const RECORDERS_BYTES: number = 6 * RECORDER_BYTES;

/** Counts and latencies. All that another thread wants to watch lies in shared memory. */
export class Tally {
  readonly connect: Recorder;
  /** How late messages left, and how late after there was a connection with room for them. */
  readonly lag: Recorder;
  readonly ownLag: Recorder;
  /** At the latest look at all connections: for how long each has waited for a reply. */
  readonly waiting: Recorder;
  /** What intervals that are over have recorded as latencies of replies that turned out to be wrong later. */
  readonly #spoiltLatency: Recorder;
  readonly #spoiltCorrected: Recorder;
  established = 0;
  failed = 0;
  lost = 0;
  reconnected = 0;
  peak = 0;
  held = 0;
  firstMismatch: Mismatch | null = null;
  firstFailure: LoadResult["firstFailure"] = null;
  readonly #statuses: Record<string, number> = {};
  readonly #slots: Float64Array;
  readonly #halves: Halves;
  #half: Half;
  /** Bytes of the engine's counters that do not count: those of the warm-up. */
  #uncountedIn = 0;
  #uncountedOut = 0;
  #startedAt = 0;
  /** When the current interval began: what came later is recorded in it. */
  #intervalFrom = 0;
  /** What was open, what was counted, and the sum of the interval's latencies, when the run stopped. */
  #openAtStop = 0;
  #atStop: Counts | undefined;
  #latencyAtStop = 0;
  /** The sum of the latencies of replies that came after it, in units of a recorder. */
  #drainedLatency = 0;

  constructor(slots: Float64Array, { recorders, intervals }: LoadData) {
    this.#slots = slots;
    this.connect = new Recorder(recorders, RECORDERS.connect);
    this.lag = new Recorder(recorders, RECORDERS.lag);
    this.ownLag = new Recorder(recorders, RECORDERS.ownLag);
    this.waiting = new Recorder(recorders, RECORDERS.waiting);
    this.#spoiltLatency = new Recorder(recorders, RECORDERS.spoiltLatency);
    this.#spoiltCorrected = new Recorder(recorders, RECORDERS.spoiltCorrected);
    this.#halves = new Halves(intervals);
    this.#half = this.#halves.current;
  }

  /** The latencies of the current interval, from the real and from the scheduled send. */
  get latency(): Recorder {
    return this.#half.latency;
  }
  get corrected(): Recorder {
    return this.#half.corrected;
  }

  /**
   * The warm-up is over, `now` by the clock: what was sent and received until now does not count, nor do
   * the bytes that are given to connections and still `unsent`.
   */
  begin(now: number, unsent: number): void {
    this.#startedAt = now;
    this.#uncountedIn = this.#slots[COUNTER.bytesIn]!;
    this.#uncountedOut = this.#slots[COUNTER.bytesOut]! + unsent;
  }

  /** Bytes of a reply to a message of the warm-up came, or of a message that was due in it left. */
  uncountedIn(bytes: number): void {
    this.#uncountedIn += bytes;
  }
  uncountedOut(bytes: number): void {
    this.#uncountedOut += bytes;
  }

  /** The run has stopped: its connections are ended before its last interval is. */
  stop(): void {
    this.#openAtStop = this.#slots[PROGRESS.open]!;
    this.#atStop = this.counts();
    this.#latencyAtStop = this.latency.exact.sum;
  }

  /**
   * Ends interval `number`, `now` by the clock. True when that was possible: unless it is the last one, the
   * one before must have been read.
   */
  endInterval(number: number, now: number, last: boolean): boolean {
    if (!last && !this.#halves.allRead) return false;
    const { figures } = this.#half;
    const { sent, received, bytesIn, bytesOut, mismatched } = this.counts();
    figures[FIGURE.number] = number;
    figures[FIGURE.start] = performance.timeOrigin + this.#startedAt;
    figures[FIGURE.ms] = performance.timeOrigin + now;
    figures[FIGURE.sent] = sent;
    figures[FIGURE.received] = received;
    figures[FIGURE.bytesOut] = bytesOut;
    figures[FIGURE.bytesIn] = bytesIn;
    figures[FIGURE.errors] = this.#slots[PROGRESS.failures]! + mismatched;
    figures[FIGURE.drained] = Math.max(0, received - (this.#atStop?.received ?? Infinity));
    figures[FIGURE.open] = last ? this.#openAtStop : this.#slots[PROGRESS.open]!;
    if (last) this.#drainedLatency = this.latency.exact.sum - this.#latencyAtStop;
    this.#halves.turnOver();
    if (last) return true;
    this.#half = this.#halves.current;
    this.#intervalFrom = now;
    return true;
  }

  /** Whether no connection and no message has failed so far. */
  get clean(): boolean {
    return this.#slots[PROGRESS.failures]! + this.#slots[PROGRESS.mismatched]! === 0;
  }

  sent(messages: number): void {
    this.#slots[PROGRESS.sent]! += messages;
  }

  /** A message whose reply came back as it must. */
  verified(): void {
    this.#slots[PROGRESS.received]!++;
  }

  /** A reply that was verified at a time, with these latencies, and `inTime` before the stop, is a wrong one. */
  spoilt(at: number, latency: number, corrected: number | null, inTime: boolean): void {
    this.#slots[PROGRESS.received]!--;
    if (this.#atStop && inTime) this.#atStop.received--;
    if (at <= this.#intervalFrom) { // its row has been told: only the totals are without it
      this.#spoiltLatency.record(latency);
      if (corrected !== null) this.#spoiltCorrected.record(corrected);
      return;
    }
    const { sum } = this.latency.exact;
    this.latency.remove(latency);
    if (corrected !== null) this.corrected.remove(corrected);
    if (inTime) this.#latencyAtStop -= sum - this.latency.exact.sum;
  }

  /** A reply was wrong, or says in its own protocol that it is an error, by a number such as 404. */
  mismatched(status?: number): void {
    this.#code(status ?? "MISMATCH");
    this.#slots[PROGRESS.mismatched]!++;
  }

  #code(name: string | number): void {
    this.#statuses[name] = (this.#statuses[name] ?? 0) + 1;
  }

  opened(again: boolean): void {
    this.established++;
    if (again) this.reconnected++;
    this.peak = Math.max(this.peak, ++this.#slots[PROGRESS.open]!);
  }

  closed(): void {
    this.#slots[PROGRESS.open]!--;
  }

  connectFailed(): void {
    this.failed++;
    this.#slots[PROGRESS.failures]!++;
  }

  /** A connection that the peer has ended in order has no error of the system: its code is FIN. */
  connectionLost(error: OSError | null): void {
    this.lost++;
    if (error === null) this.#code("FIN");
    this.#slots[PROGRESS.failures]!++;
  }

  get timedOut(): number {
    return this.#slots[PROGRESS.timedOut]!;
  }

  get unanswered(): number {
    return this.#slots[PROGRESS.unanswered]!;
  }
  set unanswered(messages: number) {
    this.#slots[PROGRESS.unanswered] = messages;
  }

  timeout(messages: number): void {
    this.#slots[PROGRESS.timedOut]! += messages;
    this.#slots[PROGRESS.failures]! += messages;
  }

  /** Keeps the first failure, whose message says more than its code. */
  failure(error: OSError | null): void {
    if (error) this.firstFailure ??= { code: error.code, message: error.message };
  }

  /** An attempt is made again that has failed with this error, or the error counts as another. */
  forgive({ errno, message }: OSError, counters: Counters, instead?: OSError): void {
    counters.countError(errno, -1);
    if (this.firstFailure?.message === message) this.firstFailure = null;
    if (!instead) return;
    counters.countError(instead.errno);
    this.failure(instead);
  }

  counts(): Counts {
    return {
      sent: this.#slots[PROGRESS.sent]!,
      received: this.#slots[PROGRESS.received]!,
      mismatched: this.#slots[PROGRESS.mismatched]!,
      bytesIn: this.#slots[COUNTER.bytesIn]! - this.#uncountedIn,
      // What was queued at the end of the warm-up may be on its way still.
      bytesOut: Math.max(0, this.#slots[COUNTER.bytesOut]! - this.#uncountedOut),
    };
  }

  summary(): Pick<LoadResult, Counted> {
    const { established, failed, lost, reconnected, peak, timedOut, unanswered, held } = this;
    return {
      ...{ established, failed, lost, reconnected, peak, timedOut, unanswered, heldMs: held },
      ...this.counts(),
      atStop: this.#atStop!,
      drainedLatency: this.#drainedLatency,
      firstMismatch: this.firstMismatch,
      firstFailure: this.firstFailure,
      statuses: this.#statuses,
    };
  }
}

/** What counts so far. */
type Counts = Record<"sent" | "received" | "mismatched" | "bytesIn" | "bytesOut", number>;

type Counted =
  | "established"
  | "failed"
  | "lost"
  | "reconnected"
  | "peak"
  | "timedOut"
  | "unanswered"
  | "heldMs"
  | "sent"
  | "received"
  | "mismatched"
  | "bytesIn"
  | "bytesOut"
  | "atStop"
  | "drainedLatency"
  | "firstMismatch"
  | "firstFailure"
  | "statuses";
