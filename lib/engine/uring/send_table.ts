/** What one submission sends: lent bytes where they lie, others copied into an arena. */
import { addressOf, Native } from "../../sys/ffi.ts";

/** Copies of one submission in all. */
const ARENA = 256 * 1024;
/** More than this is not copied: a system call of its own costs less. */
const MOST_COPIED = 4096;

/** The sends of one submission, by their index. */
export class SendTable {
  readonly #arena = new Native(ARENA);
  readonly #arenaAddress = addressOf(this.#arena.pointer);
  #filled = 0;
  #count = 0;
  /** Each send's bytes where they are lent, and the buffer in which they lie; -1 for the arena. */
  readonly #lent: (Uint8Array | undefined)[] = [];
  readonly #buffers: number[] = [];
  /** Where copies begin and end in the arena. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  get count(): number {
    return this.#count;
  }

  /** Adds lent bytes, of a buffer; returns the index. */
  addLent(bytes: Uint8Array, buffer: number): number {
    const index = this.#count++;
    this.#lent[index] = bytes;
    this.#buffers[index] = buffer;
    return index;
  }

  /** Adds a copy of bytes; -1 when they are too many, or there is no room. */
  addCopy(bytes: Uint8Array): number {
    const start = this.#filled;
    const { length } = bytes;
    if (length > MOST_COPIED || start + length > ARENA) return -1;
    this.#arena.bytes.set(bytes, start);
    this.#filled = start + length;
    const index = this.#count++;
    this.#lent[index] = undefined;
    this.#buffers[index] = -1;
    this.#starts[index] = start;
    this.#ends[index] = start + length;
    return index;
  }

  /** Copies bytes behind those of a send, which has to be the latest of the arena; false when it is not. */
  append(index: number, bytes: Uint8Array): boolean {
    const end = this.#filled;
    if (this.#buffers[index] !== -1 || this.#ends[index] !== end) return false;
    if (bytes.length > MOST_COPIED || end + bytes.length > ARENA) return false;
    this.#arena.bytes.set(bytes, end);
    this.#ends[index] = this.#filled = end + bytes.length;
    return true;
  }

  /** The address of a copy. */
  address(index: number): number {
    return this.#arenaAddress + this.#starts[index]!;
  }

  /** What a send was to send. */
  bytes(index: number): Uint8Array {
    return this.#lent[index] ??
      this.#arena.bytes.subarray(this.#starts[index]!, this.#ends[index]!);
  }

  /** The buffer of a send's bytes, or -1. */
  buffer(index: number): number {
    return this.#buffers[index]!;
  }

  /** Forgets all sends. */
  clear(): void {
    this.#count = this.#filled = 0;
  }
}
