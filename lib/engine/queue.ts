/** A queue of bytes that wait to be sent. */

const MIN_CHUNK = 1 << 10;
const MAX_CHUNK = 1 << 16;

/**
 * Bytes in order, in chunks. Bytes are copied in once; small additions share a chunk, so that many
 * short messages to a slow reader cost neither an object nor a system call each.
 */
export class OutputQueue {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  /** First unsent byte of the first chunk. */
  #start = 0;
  /** End of what is filled of the last chunk. */
  #end = 0;
  /** How many bytes wait. */
  length = 0;

  /** Appends a copy of `bytes`. */
  push(bytes: Uint8Array): void {
    const last = this.#chunks.at(-1);
    let copied = 0;
    if (last) {
      copied = Math.min(last.length - this.#end, bytes.length);
      last.set(copied === bytes.length ? bytes : bytes.subarray(0, copied), this.#end);
      this.#end += copied;
    }
    if (copied < bytes.length) {
      const rest = bytes.subarray(copied);
      // Chunks grow with the queue: a nearly empty one must not cost a large buffer per connection.
      const size = Math.max(rest.length, Math.min(MAX_CHUNK, Math.max(MIN_CHUNK, this.length)));
      const chunk = new Uint8Array(new ArrayBuffer(size));
      chunk.set(rest);
      this.#chunks.push(chunk);
      this.#end = rest.length;
    }
    this.length += bytes.length;
  }

  /** The next bytes to send, as a view into the queue; empty when nothing waits. */
  peek(): Uint8Array {
    const first = this.#chunks[0];
    if (!first) return EMPTY;
    return first.subarray(this.#start, this.#chunks.length === 1 ? this.#end : first.length);
  }

  /** Drops the first `count` bytes, which must not be more than `peek()` returned. */
  consume(count: number): void {
    const first = this.#chunks[0]!;
    const end = this.#chunks.length === 1 ? this.#end : first.length;
    this.#start += count;
    this.length -= count;
    if (this.#start < end) return;
    this.#chunks.shift();
    this.#start = 0;
  }

  /** Drops everything. */
  clear(): void {
    this.#chunks.length = 0;
    this.#start = 0;
    this.length = 0;
  }
}

const EMPTY = new Uint8Array(new ArrayBuffer(0));
