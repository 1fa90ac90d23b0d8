/** Replies that match a regular expression. Of what came only the state of the expression is kept. */
import { OpenReplies } from "./open_replies.ts";
import type { Regex, RegexState } from "./regex.ts";

/** Bytes that are held at most, each connection's own, before a match that goes on so long is given up. */
const MOST_HELD = 1 << 20;

/**
 * Those of one connection. A reply ends where its match does. A match that may still grow does so for as
 * long as the bytes fit; it is taken as it is when a byte does not, or when what has been received ends
 * with the match, since nobody knows whether more would come. So an expression should end with what ends
 * the reply: `\r\n`, or a last word.
 */
export class RegexReplies extends OpenReplies {
  readonly #regex: Regex;
  #state: RegexState;
  /** What has come after a match that may grow, if anything: a part of it, or of the next reply. */
  #held: Uint8Array | undefined;

  constructor(connection: number, regex: Regex) {
    super(connection);
    this.#regex = regex;
    this.#state = regex.start;
  }

  override take(bytes: Uint8Array, sent: number): number {
    const held = this.#held;
    if (!held) return super.take(bytes, sent);
    this.#held = undefined;
    const joined = new Uint8Array(held.length + bytes.length);
    joined.set(held);
    joined.set(bytes, held.length);
    return super.take(joined, sent);
  }

  protected scan(bytes: Uint8Array, at: number): number {
    const regex = this.#regex;
    const { length } = bytes;
    let state = this.#state;
    let match = state; // the last state that was a match, and where that was
    let matchedAt = state.matched ? at : -1;
    for (let i = at; i < length; i++) {
      const before = state;
      state = regex.step(state, bytes[i]!);
      if (state.matched) {
        matchedAt = i + 1;
        match = state;
      }
      if (!state.final) continue;
      if (matchedAt !== -1) return this.#end(at, matchedAt);
      this.#pass(i - at, before);
      this.wrong(bytes.subarray(i));
      return i;
    }
    if (matchedAt === -1) this.#pass(length - at, state);
    else {
      this.#pass(matchedAt - at, match);
      if (length - matchedAt > MOST_HELD) this.wrong(bytes.subarray(matchedAt));
      else if (length > matchedAt) this.#held = bytes.slice(matchedAt);
    }
    return length;
  }

  /** The reply is complete. */
  #end(at: number, end: number): number {
    this.#pass(end - at, this.#regex.start);
    this.completed();
    return end;
  }

  #pass(length: number, state: RegexState): void {
    this.offset += length;
    this.unmatched += length;
    this.#state = state;
  }

  protected required(most: number): Uint8Array {
    return this.#regex.required(this.#state, most);
  }

  protected isReply(bytes: Uint8Array): boolean {
    let state = this.#regex.start;
    for (let i = 0; i < bytes.length && !state.matched && !state.final; i++) {
      state = this.#regex.step(state, bytes[i]!);
    }
    return state.matched;
  }

  protected override settle(): boolean {
    if (!this.#state.matched || this.#held) return false;
    this.#state = this.#regex.start;
    return true;
  }
}
