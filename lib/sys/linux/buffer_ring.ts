/**
 * Buffers that the kernel takes one of for each receive: io_uring_register(2), IORING_REGISTER_PBUF_RING.
 *
 * They are made in slabs, when those that are there do not suffice; and are given back by number, in any
 * order, all at once at the end of a turn.
 */
import { OSError } from "../errno.ts";
import { addressOf, Native } from "../ffi.ts";
import type { Ring } from "./uring.ts";

const REGISTER_PBUF_RING = 22;
/** struct io_uring_buf_reg: the ring's address, its entries, the group's number. */
const REGISTRATION_SIZE = 40;
const ENTRY_WORDS = 4;
/** The tail is a 16-bit counter that wraps, in what would be the first entry's fourth field. */
const TAIL_HALFWORD = 7;
const SLAB = 64;
/** Buffers lie apart by more than their length, so that their first bytes fall into different cache sets. */
const APART = 64;

/** A group of buffers of one size. */
export class BufferRing {
  readonly length: number;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #mask: number;
  /** The runtime's memory, not mapped: bytes that a handler has kept by mistake stay readable. */
  readonly #slabs: Native[] = [];
  /** The address of each slab, and the halves of each buffer's. */
  readonly #addresses: number[] = [];
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  #tail = 0;

  /**
   * @param entries a power of two, at most 2^15: the most buffers that there can be
   * @throws OSError EINVAL on kernels before 5.19
   */
  constructor(ring: Ring, group: number, length: number, entries: number) {
    this.length = length;
    const memory = ring.allocate(entries * ENTRY_WORDS * 4);
    this.#words = new Int32Array(memory.bytes.buffer);
    this.#halves = new Uint16Array(memory.bytes.buffer);
    this.#mask = entries - 1;
    this.#low = new Int32Array(entries);
    this.#high = new Int32Array(entries);
    const registration = new Native(REGISTRATION_SIZE);
    registration.view.setBigUint64(0, BigInt(memory.address), true);
    registration.int32[2] = entries;
    registration.view.setUint16(12, group, true);
    const result = ring.register(REGISTER_PBUF_RING, registration.pointer, 1);
    if (result < 0) {
      throw new OSError(
        -result,
        "io_uring_register",
        "register receive buffers (Linux 5.19 or newer)",
      );
    }
    this.grow();
  }

  get count(): number {
    return this.#slabs.length * SLAB;
  }

  /** Adds buffers; false when there are as many as there can be. */
  grow(): boolean {
    if (this.count + SLAB > this.#mask + 1) return false;
    const first = this.count;
    const slab = new Native(SLAB * (this.length + APART));
    this.#slabs.push(slab);
    this.#addresses.push(addressOf(slab.pointer));
    for (let id = first; id < first + SLAB; id++) {
      const address = this.slabAddress(id) + this.offset(id);
      this.#low[id] = address | 0;
      this.#high[id] = address / 2 ** 32;
      this.giveBack(id);
    }
    this.publish();
    return true;
  }

  /** The memory in which a buffer lies. */
  slab(id: number): Uint8Array<ArrayBuffer> {
    return this.#slabs[id >> 6]!.bytes;
  }

  /** Where a buffer begins in its slab. */
  offset(id: number): number {
    return (id & (SLAB - 1)) * (this.length + APART);
  }

  /** The address of a slab's first byte. */
  slabAddress(id: number): number {
    return this.#addresses[id >> 6]!;
  }

  /** Lets the kernel use a buffer again, once `publish` says so. */
  giveBack(id: number): void {
    const at = (this.#tail & this.#mask) * ENTRY_WORDS;
    this.#tail = (this.#tail + 1) & 0xffff;
    const words = this.#words;
    words[at] = this.#low[id]!;
    words[at + 1] = this.#high[id]!;
    words[at + 2] = this.length;
    this.#halves[at * 2 + 6] = id; // not the word: the tail is its other half in the first entry
  }

  /** Shows the kernel what was given back. */
  publish(): void {
    Atomics.store(this.#halves, TAIL_HALFWORD, this.#tail);
  }
}
