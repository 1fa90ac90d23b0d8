/**
 * struct kevent of kqueue(2), and its numbers.
 *
 * macOS: bsd/sys/event.h of xnu. FreeBSD (12 and newer): sys/sys/event.h. Both define the struct with
 * types whose size is the same on x64 and arm64, so there is one layout per system; docs/kqueue.md has
 * the declarations, and the versions of the headers that they were taken from.
 */
import { Native, type Pointer } from "../ffi.ts";
import { on } from "../system.ts";

/**
 * Where the fields of a struct kevent are, in bytes: uintptr_t ident, short filter, unsigned short flags,
 * unsigned int fflags; data, an error number with EV_ERROR; udata, a pointer that the kernel hands back unread.
 */
export const KEVENT_FIELDS = { ident: 0, filter: 8, flags: 10, fflags: 12, data: 16, udata: 24 };

/** Bytes of a struct kevent, the same for x64 and arm64. */
export const KEVENT_SIZES = {
  darwin: 32,
  freebsd: 64, // and uint64_t ext[4] at the end
};

/** On this system, if it has one. */
export const KEVENT_SIZE: number = on(0, KEVENT_SIZES.darwin, KEVENT_SIZES.freebsd, 0);

// Positions within a struct, in units of 32 bits; filter and flags share one.
const IDENT = KEVENT_FIELDS.ident / 4;
const FILTER = KEVENT_FIELDS.filter / 4;
const FFLAGS = KEVENT_FIELDS.fflags / 4;
const DATA = KEVENT_FIELDS.data / 4;
const UDATA = KEVENT_FIELDS.udata / 4;

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
/** Reported once and removed. The kernel of FreeBSD sets it by itself, see selectors/kqueue.ts. */
export const EV_ONESHOT = 0x0010;
/** Edge-triggered. */
export const EV_CLEAR = 0x0020;
/** The change is answered by an event with EV_ERROR, whose data is the error number or 0. */
export const EV_RECEIPT = 0x0040;
/** Reported once and then disabled, until EV_ENABLE. */
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

  constructor(capacity: number, size: number = KEVENT_SIZE) {
    const memory = new Native(capacity * size);
    this.capacity = capacity;
    this.view = memory.view;
    this.pointer = memory.pointer;
    this.#int32 = memory.int32;
    this.#stride = size / 4;
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
    this.#int32[at + IDENT] = fd;
    this.#int32[at + FILTER] = (filter & 0xffff) | (flags << 16);
    this.#int32[at + FFLAGS] = fflags;
    this.#int32[at + UDATA] = generation;
  }

  fd(index: number): number {
    return this.#int32[index * this.#stride + IDENT]!;
  }

  /** EVFILT_* */
  filter(index: number): number {
    return (this.#int32[index * this.#stride + FILTER]! << 16) >> 16;
  }

  /** EV_* */
  flags(index: number): number {
    return this.#int32[index * this.#stride + FILTER]! >>> 16;
  }

  /** NOTE_*, or with EV_EOF the socket's error. */
  fflags(index: number): number {
    return this.#int32[index * this.#stride + FFLAGS]!;
  }

  /** The low half of `data`: of a receipt, the error number. */
  data(index: number): number {
    return this.#int32[index * this.#stride + DATA]!;
  }

  generation(index: number): number {
    return this.#int32[index * this.#stride + UDATA]!;
  }
}
