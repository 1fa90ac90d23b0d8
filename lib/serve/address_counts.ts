/**
 * How many connections each address has, for all workers together: `--max-per-address`.
 *
 * A hash table in shared memory with open addressing (linear probing), because an address can have
 * connections on every worker. A lock guards it: it is taken once per accepted connection and once per
 * closed one, for some hundred nanoseconds, and only when the option is given.
 */

/** Cells of a slot: how many connections (0 is free), then the address. */
const SLOT = 5;
const LOCK = 0;
/** How many slots are in use. */
const USED = 1;
const HEAD = 2;
/** Memory has room for the addresses of so many connections at most: 40 MiB. */
const MOST = 1 << 20;

/** An address as four numbers, which are its slot's key. */
export type AddressKey = Int32Array;

/** The part of an IPv6 address that a network gives to one customer or host (RFC 6177): its /64. */
const IPV6_BYTES = 8;

/**
 * The key of an address of 4 or 16 bytes: of IPv4 all of it, of IPv6 its /64, as a host that has one address
 * of that has them all. The two never meet: IPv4 ends up behind the first 8 bytes.
 */
export function addressKey(bytes: Uint8Array): AddressKey {
  const key = new Int32Array(4);
  const counted = bytes.length === 4 ? bytes : bytes.subarray(0, IPV6_BYTES);
  new Uint8Array(key.buffer).set(counted, bytes.length === 4 ? 12 : 0);
  return key;
}

/** The counts, over memory that all workers share. */
export class AddressCounts {
  readonly #cells: Int32Array;
  readonly #mask: number;

  /** `memory` is what `memoryFor` made. */
  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Int32Array(memory);
    this.#mask = (this.#cells.length - HEAD) / SLOT - 1;
  }

  /** Memory for the addresses of so many connections; half of it stays free, so that probes are short. */
  static memoryFor(connections: number): SharedArrayBuffer {
    const addresses = Math.min(MOST, Math.max(2, connections + 1));
    const slots = 2 ** Math.ceil(Math.log2(addresses * 2));
    return new SharedArrayBuffer((HEAD + slots * SLOT) * 4);
  }

  /** Counts one more connection of an address, unless it has `limit` already, or no slot is left. */
  enter(key: AddressKey, limit: number): boolean {
    return this.#locked(() => {
      const at = this.#find(key);
      const count = this.#cells[at]!;
      if (count >= limit) return false;
      if (count === 0) {
        if (this.#cells[USED]! > this.#mask * 3 / 4) return false;
        this.#cells[USED]!++;
        this.#cells.set(key, at + 1);
      }
      this.#cells[at] = count + 1;
      return true;
    });
  }

  leave(key: AddressKey): void {
    this.#locked(() => {
      const at = this.#find(key);
      if (this.#cells[at] === 0 || --this.#cells[at]! > 0) return;
      this.#cells[USED]!--;
      this.#close((at - HEAD) / SLOT);
    });
  }

  #locked<R>(action: () => R): R {
    const cells = this.#cells;
    while (Atomics.compareExchange(cells, LOCK, 0, 1) !== 0) Atomics.wait(cells, LOCK, 1, 1);
    try {
      return action();
    } finally {
      Atomics.store(cells, LOCK, 0);
      Atomics.notify(cells, LOCK, 1);
    }
  }

  /** The cell of an address's count; where it has none, the free one that it would get. */
  #find(key: AddressKey): number {
    const cells = this.#cells;
    for (let slot = this.#home(key[0]!, key[1]!, key[2]!, key[3]!);; slot++) {
      const at = HEAD + (slot & this.#mask) * SLOT;
      if (cells[at] === 0) return at;
      const same = cells[at + 1] === key[0] && cells[at + 2] === key[1] &&
        cells[at + 3] === key[2] && cells[at + 4] === key[3];
      if (same) return at;
    }
  }

  #home(a: number, b: number, c: number, d: number): number {
    let hash = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b);
    for (const word of [b, c, d]) {
      hash = Math.imul((hash ^ (hash >>> 15)) + word, 0xc2b2ae35);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) & this.#mask;
  }

  /** Fills a gap: an address that was pushed past it moves back, else it would not be found any more. */
  #close(gap: number): void {
    const cells = this.#cells;
    const at = (slot: number) => HEAD + slot * SLOT;
    for (let slot = (gap + 1) & this.#mask; cells[at(slot)] !== 0; slot = (slot + 1) & this.#mask) {
      const [, a, b, c, d] = cells.subarray(at(slot), at(slot) + SLOT);
      const distance = (slot - this.#home(a!, b!, c!, d!)) & this.#mask;
      if (distance < ((slot - gap) & this.#mask)) continue; // its home is behind the gap
      cells.copyWithin(at(gap), at(slot), at(slot) + SLOT);
      cells[at(slot)] = 0;
      gap = slot;
    }
  }
}
