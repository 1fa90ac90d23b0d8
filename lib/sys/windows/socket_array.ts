/**
 * What select() takes on Windows: arrays of sockets, and a timeval of two longs of 32 bits.
 *
 * struct fd_set { u_int fd_count; SOCKET fd_array[FD_SETSIZE]; } of winsock2.h, where FD_SETSIZE is the
 * program's own choice: any socket fits, whatever its value, but no more of them than there is room.
 */
import { Native, NULL, type Pointer } from "../ffi.ts";

/** A set of sockets to ask about, and after a select the part of it that is ready. */
export class SocketArray {
  readonly #capacity: number;
  /** Twice an fd_set: for the system to overwrite, and, from #asked on, what is asked. */
  readonly #memory: Native;
  /** Where, in units of 32 bits, the count is; the i-th socket follows in the low half at 2 + 2 i. */
  readonly #asked: number;
  readonly #positions = new Map<number, number>();

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#asked = 2 + 2 * capacity;
    this.#memory = new Native(2 * 4 * this.#asked);
  }

  get size(): number {
    return this.#positions.size;
  }

  has(fd: number): boolean {
    return this.#positions.has(fd);
  }

  /** Asks about a socket from now on. */
  add(fd: number): void {
    const index = this.#positions.size;
    if (this.#positions.has(fd)) return;
    if (index === this.#capacity) throw new RangeError(`No room for ${index + 1} sockets`);
    this.#positions.set(fd, index);
    this.#memory.int32[this.#asked + 2 + 2 * index] = fd;
    this.#memory.int32[this.#asked] = index + 1;
  }

  /** Asks about it no longer; the last one moves to its place. */
  delete(fd: number): void {
    const index = this.#positions.get(fd);
    if (index === undefined) return;
    this.#positions.delete(fd);
    const lastIndex = this.#positions.size;
    const { int32 } = this.#memory;
    int32[this.#asked] = lastIndex;
    if (index === lastIndex) return;
    const last = int32[this.#asked + 2 + 2 * lastIndex]!;
    int32[this.#asked + 2 + 2 * index] = last;
    this.#positions.set(last, index);
  }

  /** The argument of the next select, which overwrites it; null when there is nothing to ask. */
  arm(): Pointer {
    const { size } = this.#positions;
    this.#memory.int32[0] = 0;
    if (size === 0) return NULL;
    this.#memory.int32.copyWithin(0, this.#asked, this.#asked + 2 + 2 * size);
    return this.#memory.pointer;
  }

  get ready(): number {
    return this.#memory.int32[0]!;
  }

  at(index: number): number {
    return this.#memory.int32[2 + 2 * index]!;
  }
}
