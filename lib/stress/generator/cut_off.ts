/** Messages that have no answer yet when the run is over, and are waited for no longer. */
import { now as clock } from "../../sys/clock.ts";
import type { Flow, SentMessage } from "./connections/flow.ts";
import { missingOf } from "./receiver.ts";

export class CutOff {
  /** For how long each of those that count has waited, in milliseconds. */
  readonly waitedMs: number[] = [];

  /** Of messages that are due earlier than `countFrom` nothing counts. */
  add(messages: readonly SentMessage[], countFrom: number): void {
    const now = clock();
    for (const { sentAt, dueAt } of messages) {
      if (dueAt >= countFrom) this.waitedMs.push(now - sentAt);
    }
  }

  /** All of a connection. */
  addOf(flow: Flow, countFrom: number): void {
    this.add(flow.unanswered.slice(flow.inFlight - missingOf(flow)), countFrom);
  }
}
