/**
 * struct kevent of kqueue(2), and its numbers.
 *
 * macOS: bsd/sys/event.h of xnu. FreeBSD (12 and newer): sys/sys/event.h. Both define the struct with
 * types whose size is the same on x64 and arm64, so there is one layout per system; docs/kqueue.md has
 * the declarations, and the versions of the headers that they were taken from.
 */
import { Native, type Pointer } from "../ffi.ts";
import { on } from "../system.ts";

/** Where the fields of a struct kevent are, in bytes. */
export interface KeventLayout {
  readonly size: number;
  /** uintptr_t: the descriptor. */
  readonly ident: number;
  readonly filter: number;
  readonly flags: number;
  readonly fflags: number;
  /** macOS: intptr_t; FreeBSD: int64_t. With EV_ERROR: the error number, 0 for none. */
  readonly data: number;
  /** A pointer that the kernel hands back unread: the generation is put there. */
  readonly udata: number;
}

const FIELDS = { ident: 0, filter: 8, flags: 10, fflags: 12, data: 16, udata: 24 };

/** The layouts by system; on each the same for x64 and arm64. */
export const KEVENT_LAYOUTS: Readonly<Record<"darwin" | "freebsd" | "libkqueue", KeventLayout>> = {
  darwin: { size: 32, ...FIELDS },
  freebsd: { size: 64, ...FIELDS }, // and uint64_t ext[4] at the end
  libkqueue: { size: 32, ...FIELDS }, // include/sys/event.h.in; for tests, see bsd.ts
};

/** The layout of this system; Linux has libkqueue's only. */
export const KEVENT: KeventLayout = on(
  KEVENT_LAYOUTS.libkqueue,
  KEVENT_LAYOUTS.darwin,
  KEVENT_LAYOUTS.freebsd,
  KEVENT_LAYOUTS.libkqueue,
);

// Filters and flags have the same values everywhere, except where a comment says so.
export const EVFILT_READ = -1;
export const EVFILT_WRITE = -2;
/** macOS only: urgent data, with NOTE_OOB. On FreeBSD -15 is another filter. */
export const EVFILT_EXCEPT = -15;
export const NOTE_OOB = 2;

export const EV_ADD = 0x0001;
export const EV_DELETE = 0x0002;
export const EV_ENABLE = 0x0004;
export const EV_DISABLE = 0x0008;
/** Told once and gone. The kernel of FreeBSD sets it by itself, see selectors/kqueue.ts. */
export const EV_ONESHOT = 0x0010;
/** Edge-triggered. */
export const EV_CLEAR = 0x0020;
/** The change is answered by an event with EV_ERROR, whose data is the error number or 0. */
export const EV_RECEIPT = 0x0040;
/** Told once and then disabled, until EV_ENABLE. */
export const EV_DISPATCH = 0x0080;
export const EV_ERROR = 0x4000;
export const EV_EOF = 0x8000;

/** An array of struct kevent in native memory. */
export class KeventList {
  readonly capacity: number;
  readonly view: DataView<ArrayBuffer>;
  readonly pointer: Pointer;
  readonly #int32: Int32Array<ArrayBuffer>;
  readonly #stride: number;
  // Positions within a struct, in units of 32 bits; filter and flags share one.
  readonly #ident: number;
  readonly #filter: number;
  readonly #fflags: number;
  readonly #data: number;
  readonly #udata: number;

  constructor(capacity: number, layout: KeventLayout = KEVENT) {
    const memory = new Native(capacity * layout.size);
    this.capacity = capacity;
    this.view = memory.view;
    this.pointer = memory.pointer;
    this.#int32 = memory.int32;
    this.#stride = layout.size / 4;
    this.#ident = layout.ident / 4;
    this.#filter = layout.filter / 4;
    this.#fflags = layout.fflags / 4;
    this.#data = layout.data / 4;
    this.#udata = layout.udata / 4;
  }

  /** Fills the struct at `index`; what is not mentioned becomes 0. */
  put(
    index: number,
    fd: number,
    filter: number,
    flags: number,
    generation: number,
    fflags = 0,
  ): void {
    const at = index * this.#stride;
    this.#int32.fill(0, at, at + this.#stride);
    this.#int32[at + this.#ident] = fd;
    this.#int32[at + this.#filter] = (filter & 0xffff) | (flags << 16);
    this.#int32[at + this.#fflags] = fflags;
    this.#int32[at + this.#udata] = generation;
  }

  fd(index: number): number {
    return this.#int32[index * this.#stride + this.#ident]!;
  }

  /** EVFILT_* */
  filter(index: number): number {
    return (this.#int32[index * this.#stride + this.#filter]! << 16) >> 16;
  }

  /** EV_* */
  flags(index: number): number {
    return this.#int32[index * this.#stride + this.#filter]! >>> 16;
  }

  /** NOTE_*, or with EV_EOF the socket's error. */
  fflags(index: number): number {
    return this.#int32[index * this.#stride + this.#fflags]!;
  }

  /** The low half of `data`: of a receipt, the error number. */
  data(index: number): number {
    return this.#int32[index * this.#stride + this.#data]!;
  }

  generation(index: number): number {
    return this.#int32[index * this.#stride + this.#udata]!;
  }
}
