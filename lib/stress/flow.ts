/** One connection of the load: what it has sent, what must come back, and when each message left. */
import type { Verifier } from "./verifier.ts";

/** The state of a connection under load. */
export class Flow {
  /** The connection's number in the run; its stream depends on it. */
  readonly index: number;
  readonly verifier: Verifier;
  /** Messages that it may still send. */
  quota: number;
  readonly startedAt: number;
  opened = false;
  sentMessages = 0;
  receivedMessages = 0;
  /** Set once nothing more is to be sent and all replies are here. */
  finished = false;
  /** A reply was wrong or cut short; what arrives now is evidence. */
  mismatched = false;
  /** The mismatch has been classified. */
  concluded = false;
  /** Given up, because no reply came in time. */
  timedOut = false;
  /** When bytes last left, for the timeout where no replies are expected. */
  progressAt = 0;
  /** When each message in flight was sent: a ring, as replies come in order. */
  readonly #sentAt: Float64Array;

  constructor(index: number, verifier: Verifier, quota: number, pipeline: number, now: number) {
    this.index = index;
    this.verifier = verifier;
    this.quota = quota;
    this.startedAt = now;
    this.#sentAt = new Float64Array(pipeline);
  }

  get inFlight(): number {
    return this.sentMessages - this.receivedMessages;
  }

  /** Notes `count` messages sent now. */
  sent(count: number, now: number): void {
    const ring = this.#sentAt;
    for (let i = 0; i < count; i++) ring[(this.sentMessages + i) % ring.length] = now;
    this.sentMessages += count;
    this.quota -= count;
    this.progressAt = now;
  }

  /** When the oldest message in flight was sent. */
  get oldestSentAt(): number {
    return this.#sentAt[this.receivedMessages % this.#sentAt.length]!;
  }

  /** Takes the oldest message in flight as answered, and returns when it was sent. */
  answered(): number {
    const { oldestSentAt } = this;
    this.receivedMessages++;
    return oldestSentAt;
  }
}
