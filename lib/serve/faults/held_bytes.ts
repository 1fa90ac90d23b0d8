/** Answers that are held back, each until its time. */
import { OutputQueue } from "../../engine/mod.ts";

/** Times that differ by less than this share a span, in milliseconds. */
const GRAIN_MS = 1;
/** Spans that have left are forgotten so many at a time: an array's first place is costly to remove. */
const FORGET = 256;

/** Bytes that may leave together. */
interface Span {
  /** When the last of them may leave, on the clock of `performance.now()`. */
  due: number;
  /** When the first of them may. */
  readonly begins: number;
  length: number;
}

/**
 * A queue of bytes in which each has a time before which it must not leave. Order is kept: a time earlier
 * than that of the byte before is raised to it. Memory is that of the bytes, and of one span for each
 * millisecond in which some were added.
 */
export class HeldBytes {
  readonly #bytes = new OutputQueue();
  #spans: Span[] = [];
  #first = 0;

  get length(): number {
    return this.#bytes.length;
  }

  /** Appends a copy of `bytes`, which are not empty. */
  push(bytes: Uint8Array, due: number): void {
    this.#bytes.push(bytes);
    const last = this.#spans.at(-1);
    if (!last || this.#first === this.#spans.length) {
      this.#spans.push({ due, begins: due, length: bytes.length });
    } else if (due - last.begins < GRAIN_MS) {
      last.due = Math.max(last.due, due);
      last.length += bytes.length;
    } else {
      this.#spans.push({ due, begins: due, length: bytes.length });
    }
  }

  /** When the next bytes are due; Infinity when nothing is held. */
  get due(): number {
    return this.#spans[this.#first]?.due ?? Infinity;
  }

  /** The next bytes that are due together, at most `limit`; a view until the next call. */
  peek(limit: number): Uint8Array {
    const bytes = this.#bytes.peek();
    const most = Math.min(limit, this.#spans[this.#first]?.length ?? 0);
    return bytes.length <= most ? bytes : bytes.subarray(0, most);
  }

  /** Drops the first `count` bytes, which must not be more than `peek` returned. */
  consume(count: number): void {
    this.#bytes.consume(count);
    const span = this.#spans[this.#first]!;
    span.length -= count;
    if (span.length > 0) return;
    this.#first++;
    if (this.#first < this.#spans.length && this.#first < FORGET) return;
    this.#spans.splice(0, this.#first);
    this.#first = 0;
  }

  clear(): void {
    this.#bytes.clear();
    this.#spans = [];
    this.#first = 0;
  }
}
