/** A queue of bytes that wait to be sent. */

const MIN_CHUNK = 1 << 10;
const MAX_CHUNK = 1 << 16;
/** Large chunks that are kept for the next queue that needs one; more while more are in use. */
const SPARES = 64;

/**
 * Left to the garbage collector, chunks of slow readers pile up by the hundred megabytes: it sees few
 * objects, and not how much memory hangs on them. So up to as many are kept as are in use: readers
 * who all take theirs at the same time want as many again a moment later.
 */
const spares: Uint8Array<ArrayBuffer>[] = [];
let inUse = 0;

function newChunk(size: number): Uint8Array<ArrayBuffer> {
  if (size !== MAX_CHUNK) return new Uint8Array(new ArrayBuffer(size));
  inUse++;
  return spares.pop() ?? new Uint8Array(new ArrayBuffer(size));
}

function spare(chunk: Uint8Array<ArrayBuffer>): void {
  if (chunk.length !== MAX_CHUNK) return;
  inUse--;
  spares.push(chunk);
  const most = Math.max(SPARES, inUse);
  while (spares.length > most) spares.pop();
}

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
      let size = Math.max(rest.length, Math.min(MAX_CHUNK, Math.max(MIN_CHUNK, this.length)));
      if (size > MAX_CHUNK / 2 && size < MAX_CHUNK) size = MAX_CHUNK; // which can be used again
      const chunk = newChunk(size);
      chunk.set(rest);
      this.#chunks.push(chunk);
      this.#end = rest.length;
    }
    this.length += bytes.length;
  }

  /** The next bytes to send, as a view until they are consumed; empty when nothing waits. */
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
    spare(this.#chunks.shift()!);
    this.#start = 0;
  }

  /** Drops everything. */
  clear(): void {
    for (const chunk of this.#chunks.splice(0)) spare(chunk);
    this.#start = 0;
    this.length = 0;
  }
}

const EMPTY = new Uint8Array(new ArrayBuffer(0));
