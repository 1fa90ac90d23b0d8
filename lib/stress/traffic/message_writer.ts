/** Any part of the stream that the messages of a connection make, in memory that is used again. */
import type { Message } from "../plan/message.ts";

/** Views that are kept: making one of a message that is always the same costs more than its use. */
const KEPT_VIEW = 1024;

export class MessageWriter {
  readonly message: Message;
  /** A fixed message again and again; otherwise what was written last. */
  #memory: Uint8Array = new Uint8Array(0);
  #views: Uint8Array[] = [];

  constructor(message: Message) {
    this.message = message;
  }

  /** `count` messages from number `first` on. The view is valid until the next call. */
  messages(connection: number, first: number, count: number): Uint8Array {
    const { message } = this;
    const start = message.lengthOf(connection, first);
    return this.bytes(connection, start, message.lengthOf(connection, first + count) - start);
  }

  /** A part of the stream. The view is valid until the next call. */
  bytes(connection: number, offset: number, length: number): Uint8Array {
    const { message } = this;
    if (message.fixed) return this.#repeated(offset % message.lengthOf(0, 1), length);
    let seq = message.messagesIn(connection, offset);
    const skipped = offset - message.lengthOf(connection, seq);
    const end = message.messagesIn(connection, offset + length) + 1;
    this.#reserve(message.lengthOf(connection, end) - message.lengthOf(connection, seq));
    for (let at = 0; at < skipped + length; seq++) {
      at = message.write(this.#memory, at, connection, seq);
    }
    return this.#memory.subarray(skipped, skipped + length);
  }

  #repeated(start: number, length: number): Uint8Array {
    if (start + length > this.#memory.length) this.#repeat(start + length);
    if (start > 0 || length > KEPT_VIEW) return this.#memory.subarray(start, start + length);
    return this.#views[length] ??= this.#memory.subarray(0, length);
  }

  #repeat(length: number): void {
    this.#views = [];
    this.#reserve(length);
    const one = this.message.lengthOf(0, 1);
    const most = Math.floor(this.#memory.length / one);
    for (let i = 0, at = 0; i < most; i++) at = this.message.write(this.#memory, at, 0, 0);
    this.#memory = this.#memory.subarray(0, most * one);
  }

  #reserve(length: number): void {
    if (length <= this.#memory.length) return;
    // A fixed message fills all of it, so there is room for one that is cut off at the end.
    this.#memory = new Uint8Array(2 * length + this.message.lengthOf(0, 1));
  }
}
