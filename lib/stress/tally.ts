/** What a generator thread counts during a run. */
import { COUNTER } from "../engine/mod.ts";
import type { OSError } from "../net/mod.ts";
import { TlsError } from "../tls/mod.ts";
import type { LoadResult } from "./plan.ts";
import { Recorder } from "./recorder.ts";
import type { Mismatch } from "./verifier.ts";

/** Slots of the engine's counters that show the progress of a run while it goes on. */
export const PROGRESS = {
  sent: COUNTER.user,
  received: COUNTER.user + 1,
  mismatched: COUNTER.user + 2,
} as const;

/** Counts and latencies. What another thread wants to watch lies in the engine's shared counters. */
export class Tally {
  readonly latency = new Recorder();
  readonly connect = new Recorder();
  established = 0;
  failed = 0;
  lost = 0;
  timedOut = 0;
  unanswered = 0;
  firstMismatch: Mismatch | null = null;
  tlsFailure: LoadResult["tlsFailure"] = null;
  readonly #slots: Float64Array;

  constructor(slots: Float64Array) {
    this.#slots = slots;
  }

  sent(messages: number): void {
    this.#slots[PROGRESS.sent]! += messages;
  }

  /** Messages whose every byte came back as it must. */
  verified(messages: number): void {
    this.#slots[PROGRESS.received]! += messages;
  }

  mismatched(): void {
    this.#slots[PROGRESS.mismatched]!++;
  }

  /** Keeps the first failure of TLS: its code alone says too little. */
  failure(error: OSError | null): void {
    if (!(error instanceof TlsError)) return;
    this.tlsFailure ??= { code: error.code, message: error.message };
  }

  /** The counts and encoded latencies of the thread's result. */
  summary(): Omit<LoadResult, "startedAt" | "endedAt" | "cpuMs" | "selector"> {
    const received = this.#slots[PROGRESS.received]!;
    return {
      established: this.established,
      failed: this.failed,
      lost: this.lost,
      peak: this.established, // they all stay until the end
      sent: this.#slots[PROGRESS.sent]!,
      received,
      verified: received,
      mismatched: this.#slots[PROGRESS.mismatched]!,
      timedOut: this.timedOut,
      unanswered: this.unanswered,
      latency: this.latency.encode(),
      connect: this.connect.encode(),
      firstMismatch: this.firstMismatch,
      tlsFailure: this.tlsFailure,
    };
  }
}
