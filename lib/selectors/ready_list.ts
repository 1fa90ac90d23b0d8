/** What one wait has found, in memory that is used again by the next. */

/**
 * Ready entries with their bits. They are copied out of the system's answer because callbacks may
 * change what that answer is about. An array that is emptied by its length gives its memory back and
 * grows again with every wait; this one keeps it.
 *
 * @example
 * ```ts
 * import type { ReadyList } from "iomux";
 *
 * // For authors of backends: what a wait has found, in the order of the system's answer.
 * const all = <R>(list: ReadyList<R>) => Array.from({ length: list.length }, (_, i) => list.item(i));
 * console.log(typeof all); // function
 * ```
 */
export class ReadyList<R> {
  /** How many there are. */
  length = 0;
  readonly #items: (R | undefined)[] = [];
  readonly #bits: number[] = [];

  /** Appends one. */
  add(item: R, bits: number): void {
    this.#items[this.length] = item;
    this.#bits[this.length++] = bits;
  }

  /** The i-th. */
  item(index: number): R {
    return this.#items[index]!;
  }

  /** The bits of the i-th. */
  bits(index: number): number {
    return this.#bits[index]!;
  }

  /** Sets more bits of the i-th. */
  mark(index: number, bits: number): void {
    this.#bits[index]! |= bits;
  }

  /** Whether the list has it. */
  has(item: R): boolean {
    const at = this.#items.indexOf(item);
    return at >= 0 && at < this.length;
  }

  /** Empties the list, and lets go of what was in it. */
  clear(): void {
    for (let i = 0; i < this.length; i++) this.#items[i] = undefined;
    this.length = 0;
  }
}
