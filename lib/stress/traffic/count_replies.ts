/** Replies of a number of bytes, whatever they are. */
import { OpenReplies } from "./open_replies.ts";

/** Those of one connection. */
export class CountReplies extends OpenReplies {
  readonly #size: number;

  constructor(connection: number, size: number) {
    super(connection);
    this.#size = size;
  }

  protected scan(bytes: Uint8Array, at: number): number {
    const length = Math.min(this.#size - this.unmatched, bytes.length - at);
    this.offset += length;
    this.unmatched += length;
    if (this.unmatched === this.#size) this.completed();
    return at + length;
  }

  protected required(): Uint8Array {
    return new Uint8Array(0);
  }

  protected isReply(bytes: Uint8Array): boolean {
    return bytes.length >= this.#size;
  }
}
