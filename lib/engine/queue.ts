/** A queue of bytes that wait to be sent. */

/** Chunks have powers of two as sizes, so that they can be used again: 1 KiB to 64 KiB. */
const MIN_BITS = 10;
const MAX_BITS = 16;
const MAX_CHUNK = 1 << MAX_BITS;
/** Chunks of each size that are kept for the next queue that needs one; more while more are in use. */
const SPARES = 64;
const PER_USED = 3;

/**
 * Left to the garbage collector, chunks of slow readers pile up by the hundred megabytes: it sees few
 * objects, and not how much memory hangs on them. So some are kept for each that is in use: readers who
 * all take theirs at the same time want as many again a moment later.
 */
class Pool {
  readonly #size: number;
  readonly #spares: Uint8Array<ArrayBuffer>[] = [];
  #inUse = 0;

  constructor(size: number) {
    this.#size = size;
  }

  take(): Uint8Array<ArrayBuffer> {
    this.#inUse++;
    return this.#spares.pop() ?? new Uint8Array(new ArrayBuffer(this.#size));
  }

  give(chunk: Uint8Array<ArrayBuffer>): void {
    this.#inUse--;
    this.#spares.push(chunk);
    const most = Math.max(SPARES, PER_USED * this.#inUse);
    while (this.#spares.length > most) this.#spares.pop();
  }
}

const bitsOf = (size: number): number => Math.max(MIN_BITS, 32 - Math.clz32(size - 1));
/** By the bits of their chunks' size. */
const pools = Array.from({ length: MAX_BITS + 1 }, (_, bits) => new Pool(1 << bits));

function take(size: number): Uint8Array<ArrayBuffer> {
  return size > MAX_CHUNK ? new Uint8Array(new ArrayBuffer(size)) : pools[bitsOf(size)]!.take();
}

function give(chunk: Uint8Array<ArrayBuffer>): void {
  if (chunk.length <= MAX_CHUNK) pools[bitsOf(chunk.length)]!.give(chunk);
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
      const chunk = take(Math.max(rest.length, Math.min(MAX_CHUNK, this.length)));
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
    give(this.#chunks.shift()!);
    this.#start = 0;
  }

  /**
   * Sends until nothing waits, `budget` bytes are sent, or `send` takes less than it is given. Returns false
   * when that fails, by a number below 0.
   */
  drain(budget: number, send: (bytes: Uint8Array) => number): boolean {
    while (this.length > 0 && budget > 0) {
      let bytes = this.peek();
      if (bytes.length > budget) bytes = bytes.subarray(0, budget);
      const sent = send(bytes);
      if (sent < 0) return false;
      this.consume(sent);
      budget -= sent;
      if (sent < bytes.length) break;
    }
    return true;
  }

  /** Drops everything. */
  clear(): void {
    for (const chunk of this.#chunks.splice(0)) give(chunk);
    this.#start = 0;
    this.length = 0;
  }
}

const EMPTY = new Uint8Array(new ArrayBuffer(0));
