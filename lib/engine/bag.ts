/** Many things that come and go, each of which knows its place: an eighth of the memory of a Set. */

/** How the place of a thing is kept with it. -1 is nowhere. */
export interface Placing<T> {
  get(item: T): number;
  set(item: T, place: number): void;
}

/** They are in no particular order once one of them has gone. */
export class Bag<T> {
  readonly #items: T[] = [];
  readonly #placing: Placing<T>;

  constructor(placing: Placing<T>) {
    this.#placing = placing;
  }

  /** How many there are. */
  get size(): number {
    return this.#items.length;
  }

  /** Takes one in that is not there yet. */
  add(item: T): void {
    this.#placing.set(item, this.#items.push(item) - 1);
  }

  /** Lets one go; nothing happens when it is not there. */
  delete(item: T): void {
    const place = this.#placing.get(item);
    if (place === -1) return;
    this.#placing.set(item, -1);
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#items[place] = last;
    this.#placing.set(last, place);
  }

  /**
   * Visits all of them, the latest first. Any may go meanwhile; one that comes is not visited. (As an
   * iterator it would make an object for each of them.)
   */
  each(visit: (item: T) => void): void {
    for (let i = this.#items.length - 1; i >= 0; i--) {
      // More than one may have gone, so that nothing is here any more.
      if (i < this.#items.length) visit(this.#items[i]!);
    }
  }

  /** All of them, in the order in which they came as long as none has gone. None may go meanwhile. */
  get inOrder(): readonly T[] {
    return this.#items;
  }
}
