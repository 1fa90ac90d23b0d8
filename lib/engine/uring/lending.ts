/** Receive buffers while they are in use: lent to a handler, sent from, or retained. */
import type { BufferRing } from "../../sys/linux/buffer_ring.ts";

/** Views of buffers are kept up to this length, the latest of each buffer. */
const KEPT_VIEW = 4096;

/** Counts who uses each buffer; the kernel gets it back after the last one. */
export class Lending {
  readonly buffers: BufferRing;
  /** The buffer whose bytes are lent to a handler now, or -1; and the bytes. */
  lent = -1;
  lentBytes: Uint8Array | undefined;
  readonly #uses: Uint8Array;
  readonly #views: (Uint8Array | undefined)[] = [];
  /** Kept beyond `data`, by the views that were handed out. */
  readonly #retained = new Map<Uint8Array, number>();

  /** @param most how many buffers there can be */
  constructor(buffers: BufferRing, most: number) {
    this.buffers = buffers;
    this.#uses = new Uint8Array(most);
  }

  /** The bytes of a buffer, which is in use until `giveBack`. */
  lend(id: number, length: number): Uint8Array {
    this.#uses[id] = 1;
    const kept = this.#views[id];
    if (kept?.length === length) return kept;
    const from = this.buffers.offset(id);
    const bytes = this.buffers.slab(id).subarray(from, from + length);
    if (length <= KEPT_VIEW) this.#views[id] = bytes;
    return bytes;
  }

  /** Keeps lent bytes: by their buffer, or as a copy where too few would be left for receiving. */
  retain(bytes: Uint8Array): Uint8Array {
    const id = this.lent;
    if (id === -1 || bytes.buffer !== this.buffers.slab(id).buffer) return bytes.slice();
    if (this.#retained.size >= this.buffers.count / 2) return bytes.slice();
    const kept = bytes.subarray();
    this.#retained.set(kept, id);
    this.#uses[id]!++;
    return kept;
  }

  drop(bytes: Uint8Array): void {
    if (this.#retained.size === 0) return;
    const id = this.#retained.get(bytes);
    if (id === undefined) return;
    this.#retained.delete(bytes);
    this.giveBack(id);
  }

  /** One use of a buffer less; with the last one the kernel gets it back. */
  giveBack(id: number): void {
    if (--this.#uses[id]! === 0) this.buffers.giveBack(id);
  }

  /** One use more for a send of these bytes: returns their buffer, or -1 when they lie elsewhere. */
  useForSend(bytes: Uint8Array): number {
    if (this.#retained.size > 0) {
      const kept = this.#retained.get(bytes);
      if (kept !== undefined) {
        this.#retained.delete(bytes); // its use goes over to the send
        return kept;
      }
    }
    const id = this.lent;
    // An echo sends the very bytes that it got; `buffer` is a slow property.
    if (bytes !== this.lentBytes) {
      if (id === -1 || bytes.buffer !== this.buffers.slab(id).buffer) return -1;
    }
    this.#uses[id]!++;
    return id;
  }

  /** The address of bytes that lie in a buffer. */
  addressOf(id: number, bytes: Uint8Array): number {
    return this.buffers.slabAddress(id) + bytes.byteOffset;
  }
}
