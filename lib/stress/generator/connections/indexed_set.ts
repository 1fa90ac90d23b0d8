/** A set whose items know their index in it: an eighth of the memory of a Set. */

/** Where an item keeps its index; -1 while it is in no set. */
export interface IndexField<T> {
  get(item: T): number;
  set(item: T, index: number): void;
}

/** Items that come and go, in no particular order once one of them has gone. */
export class IndexedSet<T> {
  readonly #items: T[] = [];
  readonly #index: IndexField<T>;

  constructor(index: IndexField<T>) {
    this.#index = index;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Adds an item that is not in the set. */
  add(item: T): void {
    this.#index.set(item, this.#items.push(item) - 1);
  }

  /** Removes an item; without effect when it is not in the set. */
  delete(item: T): void {
    const index = this.#index.get(item);
    if (index === -1) return;
    this.#index.set(item, -1);
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#items[index] = last;
    this.#index.set(last, index);
  }

  /**
   * Visits all items, the latest first. Any may be deleted meanwhile; one that is added is not visited.
   * (As an iterator it would make an object for each of them.)
   */
  each(visit: (item: T) => void): void {
    for (let i = this.#items.length - 1; i >= 0; i--) {
      // More than one may have gone, so that nothing is here any more.
      if (i < this.#items.length) visit(this.#items[i]!);
    }
  }

  /** All items, in the order in which they were added as long as none has gone. None may go meanwhile. */
  get inOrder(): readonly T[] {
    return this.#items;
  }
}
