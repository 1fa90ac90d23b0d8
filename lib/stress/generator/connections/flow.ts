/** One connection of the load: what it has sent, what must come back, and when each message left. */
import type { Connection } from "../../../engine/mod.ts";
import type { Replies } from "../../traffic/traffic.ts";

export type Peer = Connection<Flow>;

/** What has happened to a connection, as bits: a field for each would be 8 bytes. */
const OPENED = 1, FINISHED = 2, LEAVING = 4, MISMATCHED = 8, CONCLUDED = 16, TIMED_OUT = 32;

/**
 * The state of a connection under load. Many may be idle, so it is one object, and a small one: with more
 * than twelve fields it would take half as much again on Bun.
 */
export class Flow {
  /** Among all connections of the load. */
  place = -1;
  /** The connection's number in the thread; it stays the same when it connects anew. */
  readonly slot: number;
  readonly replies: Replies;
  /** Messages that it may still send. */
  left: number;
  sentMessages = 0;
  receivedMessages = 0;
  /** When it began to connect, and then when bytes last left: for the timeouts. */
  progressAt: number;
  /** Where it stands among those that can send, for an open loop; -1 for nowhere. */
  position = -1;
  /** When the oldest message in flight was sent, and when it was due. */
  oldestSentAt = 0;
  oldestDueAt = 0;
  /** The same of those that are in flight behind it. */
  #later: Times | undefined;
  #flags = 0;

  constructor(slot: number, replies: Replies, left: number, now: number) {
    this.slot = slot;
    this.replies = replies;
    this.left = left;
    this.progressAt = now;
  }

  get opened(): boolean {
    return (this.#flags & OPENED) !== 0;
  }
  set opened(value: boolean) {
    this.#flag(OPENED, value);
  }
  /** Until it is open: when it began to connect. */
  get startedAt(): number {
    return this.progressAt;
  }
  /** Nothing more is to be sent, and all replies are here. */
  get finished(): boolean {
    return (this.#flags & FINISHED) !== 0;
  }
  set finished(value: boolean) {
    this.#flag(FINISHED, value);
  }
  /** We end it, in order: nothing is lost by what comes after its messages. */
  get leaving(): boolean {
    return (this.#flags & LEAVING) !== 0;
  }
  set leaving(value: boolean) {
    this.#flag(LEAVING, value);
  }
  /** A reply was wrong or cut short; what arrives now is evidence. */
  get mismatched(): boolean {
    return (this.#flags & MISMATCHED) !== 0;
  }
  set mismatched(value: boolean) {
    this.#flag(MISMATCHED, value);
  }
  /** The mismatch has been classified. */
  get concluded(): boolean {
    return (this.#flags & CONCLUDED) !== 0;
  }
  set concluded(value: boolean) {
    this.#flag(CONCLUDED, value);
  }
  get timedOut(): boolean {
    return (this.#flags & TIMED_OUT) !== 0;
  }
  set timedOut(value: boolean) {
    this.#flag(TIMED_OUT, value);
  }

  /** It is open, we do not end it, and no reply was wrong. */
  get usable(): boolean {
    return (this.#flags & (OPENED | LEAVING | MISMATCHED)) === OPENED;
  }

  #flag(bit: number, value: boolean): void {
    this.#flags = value ? this.#flags | bit : this.#flags & ~bit;
  }

  get inFlight(): number {
    return this.sentMessages - this.receivedMessages;
  }

  /** Notes a message sent at `now` that was due at `due`. */
  sent(now: number, due: number): void {
    if (this.sentMessages++ === this.receivedMessages) {
      this.oldestSentAt = now;
      this.oldestDueAt = due;
    } else (this.#later ??= new Times()).push(now, due);
    this.left--;
    this.progressAt = now;
  }

  /** When the messages in flight were sent and due, the oldest first. */
  get unanswered(): SentMessage[] {
    if (this.inFlight === 0) return [];
    const oldest = { sentAt: this.oldestSentAt, dueAt: this.oldestDueAt };
    return [oldest, ...(this.inFlight > 1 ? this.#later!.list() : [])];
  }

  /** Takes the oldest message in flight as answered. */
  answered(): void {
    if (++this.receivedMessages === this.sentMessages) return;
    const later = this.#later!;
    this.oldestSentAt = later.sentAt;
    this.oldestDueAt = later.dueAt;
    later.shift();
  }
}

/** Whether anything new may be sent on a connection. Nothing else decides it. */
export const takesMore = (peer: Peer): boolean => !peer.closed && peer.state.usable;

/** How many messages may be sent on a connection now, of those that it has left, with `pipeline` in flight at most. */
export function roomOn(peer: Peer, pipeline: number): number {
  const { left, inFlight } = peer.state;
  return takesMore(peer) ? Math.max(0, Math.min(left, pipeline - inFlight)) : 0;
}

/** When a message left for the first time, and when it was due. */
export interface SentMessage {
  readonly sentAt: number;
  readonly dueAt: number;
}

/** Times of messages in flight, oldest first: replies come in order. It grows with their number. */
class Times {
  /** Pairs of when sent and when due. */
  #ring: number[] = [0, 0];
  #head = 0;
  #count = 0;

  get sentAt(): number {
    return this.#ring[this.#head]!;
  }
  get dueAt(): number {
    return this.#ring[this.#head + 1]!;
  }

  push(sentAt: number, dueAt: number): void {
    if (this.#count * 2 === this.#ring.length) this.#grow();
    const ring = this.#ring;
    const at = (this.#head + this.#count * 2) & (ring.length - 1);
    ring[at] = sentAt;
    ring[at + 1] = dueAt;
    this.#count++;
  }

  shift(): void {
    this.#head = (this.#head + 2) & (this.#ring.length - 1);
    this.#count--;
  }

  list(): SentMessage[] {
    const ring = this.#ring;
    return Array.from({ length: this.#count }, (_, i) => {
      const at = (this.#head + i * 2) & (ring.length - 1);
      return { sentAt: ring[at]!, dueAt: ring[at + 1]! };
    });
  }

  #grow(): void {
    const old = this.#ring;
    this.#ring = [...old.slice(this.#head), ...old.slice(0, this.#head), ...old.map(() => 0)];
    this.#head = 0;
  }
}
