/** What a generator thread counts during a run. */
import { COUNTER } from "../../engine/mod.ts";
import type { OSError } from "../../net/mod.ts";
import { TlsError } from "../../tls/mod.ts";
import type { LoadResult } from "../plan/plan.ts";
import { Recorder, RECORDER_BYTES } from "../../result/recorder.ts";
import type { Mismatch } from "../../result/result.ts";

/** Slots of the engine's counters that show the progress of a run while it goes on. */
export const PROGRESS = {
  sent: COUNTER.user,
  received: COUNTER.user + 1,
  mismatched: COUNTER.user + 2,
  /** Connections that are open. */
  open: COUNTER.user + 3,
  /** Failed connects, lost connections and timeouts. */
  failures: COUNTER.user + 4,
  /** 1 when the warm-up is over and everything counts. */
  counting: COUNTER.user + 5,
} as const;

/** The recorders of a thread, which lie one after the other in shared memory. */
export const RECORDERS = { latency: 0, corrected: 1, connect: 2, lag: 3, ownLag: 4 } as const;
/** Bytes of all of them. */
export const RECORDERS_BYTES: number = 5 * RECORDER_BYTES;

/** Counts and latencies. All that another thread wants to watch lies in shared memory. */
export class Tally {
  readonly latency: Recorder;
  readonly corrected: Recorder;
  readonly connect: Recorder;
  /** How late messages left, and how late after there was a connection with room for them. */
  readonly lag: Recorder;
  readonly ownLag: Recorder;
  established = 0;
  failed = 0;
  lost = 0;
  reconnected = 0;
  peak = 0;
  timedOut = 0;
  unanswered = 0;
  firstMismatch: Mismatch | null = null;
  tlsFailure: LoadResult["tlsFailure"] = null;
  readonly #slots: Float64Array;
  #bytesBefore: readonly [number, number] = [0, 0];

  constructor(slots: Float64Array, recorders: ArrayBufferLike) {
    this.#slots = slots;
    this.latency = new Recorder(recorders, RECORDERS.latency);
    this.corrected = new Recorder(recorders, RECORDERS.corrected);
    this.connect = new Recorder(recorders, RECORDERS.connect);
    this.lag = new Recorder(recorders, RECORDERS.lag);
    this.ownLag = new Recorder(recorders, RECORDERS.ownLag);
  }

  /** The warm-up is over: what was sent and received until now does not count. */
  begin(): void {
    this.#bytesBefore = [this.#slots[COUNTER.bytesIn]!, this.#slots[COUNTER.bytesOut]!];
    this.lag.reset();
    this.ownLag.reset();
    this.#slots[PROGRESS.counting] = 1;
  }

  sent(messages: number): void {
    this.#slots[PROGRESS.sent]! += messages;
  }

  /** Messages whose reply came back as it must. */
  verified(messages: number): void {
    this.#slots[PROGRESS.received]! += messages;
  }

  mismatched(): void {
    this.#slots[PROGRESS.mismatched]!++;
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

  connectionLost(): void {
    this.lost++;
    this.#slots[PROGRESS.failures]!++;
  }

  timeout(messages: number): void {
    this.timedOut += messages;
    this.#slots[PROGRESS.failures]! += messages;
  }

  /** Keeps the first failure of TLS: its code alone says too little. */
  failure(error: OSError | null): void {
    if (!(error instanceof TlsError)) return;
    this.tlsFailure ??= { code: error.code, message: error.message };
  }

  /** The counts of the thread's result. */
  summary(): Pick<
    LoadResult,
    | "established"
    | "failed"
    | "lost"
    | "reconnected"
    | "peak"
    | "sent"
    | "received"
    | "mismatched"
    | "timedOut"
    | "unanswered"
    | "firstMismatch"
    | "tlsFailure"
    | "bytesIn"
    | "bytesOut"
  > {
    const { established, failed, lost, reconnected, peak, timedOut, unanswered } = this;
    const [bytesIn, bytesOut] = this.#bytesBefore;
    return {
      ...{ established, failed, lost, reconnected, peak, timedOut, unanswered },
      sent: this.#slots[PROGRESS.sent]!,
      received: this.#slots[PROGRESS.received]!,
      mismatched: this.#slots[PROGRESS.mismatched]!,
      bytesIn: this.#slots[COUNTER.bytesIn]! - bytesIn,
      bytesOut: this.#slots[COUNTER.bytesOut]! - bytesOut,
      firstMismatch: this.firstMismatch,
      tlsFailure: this.tlsFailure,
    };
  }
}
