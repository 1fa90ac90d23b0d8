/** Deadlines, ordered: the nearest one bounds the wait of the loop. */

/** A scheduled callback. */
export interface Timer {
  /** When it is due, on the clock of `performance.now()`. */
  readonly due: number;
  /** Prevents the callback; has no effect once it was called. */
  cancel(): void;
}

class Entry implements Timer {
  readonly due: number;
  /** Breaks ties, so that timers due together run in the order in which they were set. */
  readonly order: number;
  callback: (() => void) | undefined;
  readonly #owner: Timers;

  constructor(owner: Timers, due: number, order: number, callback: () => void) {
    this.#owner = owner;
    this.due = due;
    this.order = order;
    this.callback = callback;
  }
  cancel(): void {
    if (!this.callback) return;
    this.callback = undefined;
    this.#owner.cancelled();
  }
  before(other: Entry): boolean {
    return this.due < other.due || (this.due === other.due && this.order < other.order);
  }
}

/** A binary heap of timers. Cancelled ones stay until they reach the top, or until they are many. */
export class Timers {
  #heap: Entry[] = [];
  #order = 0;
  #cancelled = 0;

  /** Calls `callback` once, at `due` on the clock of `performance.now()` or later. */
  at(due: number, callback: () => void): Timer {
    const entry = new Entry(this, due, this.#order++, callback);
    this.#insert(entry);
    return entry;
  }

  #insert(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!entry.before(heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  /** For entries: one more is dead weight. Many short connections with long timeouts leave many. */
  cancelled(): void {
    if (++this.#cancelled < 64 || this.#cancelled * 2 < this.#heap.length) return;
    const alive = this.#heap.filter((entry) => entry.callback);
    this.#heap = [];
    this.#cancelled = 0;
    for (const entry of alive) this.#insert(entry);
  }

  /** How many entries are kept, cancelled ones included. */
  get size(): number {
    return this.#heap.length;
  }

  /** When the next timer is due; Infinity when there is none. */
  get next(): number {
    while (this.#heap.length > 0 && !this.#heap[0]!.callback) {
      this.#pop();
      this.#cancelled--;
    }
    return this.#heap[0]?.due ?? Infinity;
  }

  /** Calls what is due at `now`. Timers that the callbacks set wait for the next call. */
  run(now: number): void {
    const limit = this.#order;
    const later: Entry[] = [];
    while (this.next <= now) {
      const entry = this.#pop();
      if (entry.order >= limit) {
        later.push(entry);
        continue;
      }
      const callback = entry.callback!;
      entry.callback = undefined;
      callback();
    }
    for (const entry of later) if (entry.callback) this.#insert(entry);
  }

  #pop(): Entry {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.before(heap[child]!)) child++;
      if (!heap[child]!.before(last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
