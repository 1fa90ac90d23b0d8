/** Follows replies of which every byte is known, with a verifier. */
import type { Mismatch } from "../../result/result.ts";
import type { Replies } from "./traffic.ts";
import { type Streams, Verifier } from "./verifier.ts";

/**
 * One connection. It is held for each of many idle ones, so it has no buffer of its own, is a verifier
 * rather than having one, and has no more than six fields: one more would take 80 bytes on Bun, not 64.
 */
export class StreamReplies extends Verifier implements Replies {
  #done: number;

  /** Of a connection whose next message is number `first`. */
  constructor(streams: Streams, connection: number, first: number) {
    super(streams, connection, first);
    this.#done = first;
  }

  /** Replies that may come before the first message, as a server's greeting does. */
  protected get greetings(): number {
    return 0;
  }

  /** See {@linkcode Replies.take}. */
  override take(bytes: Uint8Array, sent: number): number {
    super.take(bytes, this.#allowed(sent));
    if (sent === 0) return 0;
    const complete = this.#complete - this.#done;
    this.#done += complete;
    return complete;
  }

  lengthOf(i: number, complete: number): number {
    const message = this.#done - complete + i;
    const end = this.streams.lengthOf(this.connection, message + 1);
    return end - this.streams.lengthOf(this.connection, message);
  }

  get #complete(): number {
    return this.streams.messagesIn(this.connection, this.offset);
  }

  #allowed(sent: number): number {
    return this.streams.lengthOf(this.connection, this.first + (sent || this.greetings));
  }

  get early(): boolean {
    return this.#done === this.first && this.#complete > this.first;
  }
  get partial(): boolean {
    return this.unmatched > 0;
  }
  get unmatched(): number {
    return this.offset - this.streams.lengthOf(this.connection, this.#complete);
  }

  override mismatch(sent: number): Mismatch {
    return super.mismatch(this.#allowed(sent));
  }

  override truncation(sent: number): Mismatch {
    return super.truncation(this.#allowed(sent));
  }
}

/** Replies that do not depend on the messages: one may come before the first of them. */
export class GreetedReplies extends StreamReplies {
  protected override get greetings(): number {
    return 1;
  }
}
