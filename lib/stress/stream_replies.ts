/** Follows replies of which every byte is known, with a verifier. */
import { sameBytes } from "../sys/posix.ts";
import type { Mismatch } from "./result.ts";
import type { Replies } from "./traffic.ts";
import { type Streams, Verifier } from "./verifier.ts";

/** One connection. It is held for each of many idle ones, so it has no buffer of its own. */
export class StreamReplies implements Replies {
  readonly #streams: Streams;
  readonly #connection: number;
  readonly #first: number;
  /** Replies that may come before the first message, as a server's greeting does. */
  readonly #greetings: number;
  readonly #verifier: Verifier;
  #done: number;

  /** Of a connection whose next message is number `first`. */
  constructor(streams: Streams, connection: number, first: number, greetings: 0 | 1 = 0) {
    this.#streams = streams;
    this.#connection = connection;
    this.#first = this.#done = first;
    this.#greetings = greetings;
    const base = streams.lengthOf(connection, first);
    this.#verifier = new Verifier(streams, connection, sameBytes, base);
  }

  take(bytes: Uint8Array, sent: number): number {
    this.#verifier.take(bytes, this.#allowed(sent));
    if (sent === 0) return 0;
    const complete = this.#complete - this.#done;
    this.#done += complete;
    return complete;
  }

  get #complete(): number {
    return this.#streams.messagesIn(this.#connection, this.#verifier.offset);
  }

  #allowed(sent: number): number {
    return this.#streams.lengthOf(this.#connection, this.#first + (sent || this.#greetings));
  }

  get early(): boolean {
    return this.#done === this.#first && this.#complete > this.#first;
  }
  get broken(): boolean {
    return this.#verifier.broken;
  }
  get conclusive(): boolean {
    return this.#verifier.conclusive;
  }
  get partial(): boolean {
    return this.unmatched > 0;
  }
  get unmatched(): number {
    return this.#verifier.offset - this.#streams.lengthOf(this.#connection, this.#complete);
  }

  mismatch(sent: number): Mismatch {
    return this.#verifier.mismatch(this.#allowed(sent));
  }

  truncation(sent: number): Mismatch {
    return this.#verifier.truncation(this.#allowed(sent));
  }
}
