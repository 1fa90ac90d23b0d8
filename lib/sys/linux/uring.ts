/**
 * One io_uring: set it up, map its rings, write requests, submit and wait in one call, read completions.
 *
 * See io_uring(7), io_uring_setup(2), io_uring_enter(2), and for the layouts linux/io_uring.h. The rings
 * are memory shared with the kernel, read and written through Atomics: the kernel's stores become
 * visible in order, and ours to it.
 */
import { check, ERRNO, errno, OSError } from "../errno.ts";
import {
  addressOf,
  type Functions,
  Native,
  NULL,
  open,
  type Pointer,
  pointerOf,
  type Signature,
  viewAt,
} from "../ffi.ts";
import { closeFd } from "../posix.ts";
import { absent, LIBC, system } from "../system.ts";
import { announceInterruption } from "../thread.ts";
import { Timespec } from "../time.ts";

const TABLE = {
  // syscall(2): the C library has no wrappers for them. The numbers are the same on x64 and arm64.
  setup: { args: ["i32", "i32", "pointer"], result: "i32", symbol: "syscall" }, // nr, entries, params
  enter: { // nr, ring, to submit, least completions, flags, argument, its size
    args: ["i32", "i32", "i32", "i32", "i32", "pointer", "pointer"],
    result: "i32",
    symbol: "syscall",
  },
  mmap: { args: ["pointer", "size", "i32", "i32", "i32", "size"], result: "pointer" },
  munmap: { args: ["pointer", "size"], result: "i32" },
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "linux"
  ? open(LIBC, TABLE)
  : absent("io_uring is part of Linux");

const SYS_SETUP = 425;
const SYS_ENTER = 426;
const SETUP_CQSIZE = 1 << 3;
const SETUP_CLAMP = 1 << 4;
/** Completions are posted when this thread is in the kernel anyway, without an interrupt (5.19). */
const SETUP_COOP_TASKRUN = 1 << 8;
const FEAT_SINGLE_MMAP = 1 << 0;
const FEAT_NODROP = 1 << 1;
const FEAT_EXT_ARG = 1 << 8;
const NEEDED = FEAT_SINGLE_MMAP | FEAT_NODROP | FEAT_EXT_ARG;
const OFF_SQES = 0x10000000;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;
const ENTER_GETEVENTS = 1;
const ENTER_EXT_ARG = 8;
const SQ_CQ_OVERFLOW = 1 << 1;

// struct io_uring_params, in 32-bit words: entries, features, then the offsets within the rings.
const SQ_ENTRIES = 0, CQ_ENTRIES = 1, FLAGS = 2, FEATURES = 5;
const SQ = { head: 10, tail: 11, mask: 12, flags: 14, array: 16 };
const CQ = { head: 20, tail: 21, mask: 22, cqes: 25 };
const PARAMS_SIZE = 120;
const SQE_WORDS = 16;
const CQE_WORDS = 4;
// struct io_uring_getevents_arg: a signal mask, its size, padding, the address of a timespec.
const ARG_SIZE = 24;
const ARG_TIME = 16;
const ARG_LENGTH = pointerOf(ARG_SIZE);

export const IORING_OP_POLL_ADD = 6;
export const IORING_OP_POLL_REMOVE = 7;
export const IORING_OP_ASYNC_CANCEL = 14;
/** In `len` of a poll request: it stays after its first completion, and tells of edges. */
export const IORING_POLL_ADD_MULTI = 1;
/** In `flags` of a cancel request: whatever there is, all of it. */
export const IORING_ASYNC_CANCEL_ALL_ANY = 1 | 4;
/** In a completion's flags: the request goes on. */
export const IORING_CQE_F_MORE = 2;

/** A mapped ring. Completions come out through `next` and its three result fields. */
export class Ring {
  readonly fd: number;
  readonly #ring: { pointer: Pointer; size: number; words: Int32Array };
  readonly #sqes: { pointer: Pointer; size: number; words: Int32Array };
  readonly #arg = new Native(ARG_SIZE);
  readonly #time = new Timespec();
  readonly #sqMask: number;
  readonly #cqMask: number;
  readonly #at: { sqHead: number; sqTail: number; sqFlags: number; cqHead: number; cqTail: number };
  readonly #cqes: number;
  #tail = 0;
  #submitted = 0;
  /** Of the last completion: user_data's halves, the result, the flags. */
  low = 0;
  high = 0;
  result = 0;
  flags = 0;

  /** @throws OSError ENOSYS, EPERM (forbidden here), Error when the kernel is older than 5.11 */
  constructor(requests: number, completions: number) {
    const params = new Native(PARAMS_SIZE);
    this.fd = setup(params, requests, completions);
    const p = params.int32;
    try {
      if ((p[FEATURES]! & NEEDED) !== NEEDED) {
        throw new Error("Cannot use io_uring: it needs Linux 5.11 or newer");
      }
      const ringSize = Math.max(
        p[SQ.array]! + p[SQ_ENTRIES]! * 4,
        p[CQ.cqes]! + p[CQ_ENTRIES]! * 16,
      );
      this.#ring = map(this.fd, ringSize, 0);
      this.#sqes = map(this.fd, p[SQ_ENTRIES]! * SQE_WORDS * 4, OFF_SQES);
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
    const { words } = this.#ring;
    this.#sqMask = words[p[SQ.mask]! / 4]!;
    this.#cqMask = words[p[CQ.mask]! / 4]!;
    this.#cqes = p[CQ.cqes]! / 4;
    this.#at = {
      sqHead: p[SQ.head]! / 4,
      sqTail: p[SQ.tail]! / 4,
      sqFlags: p[SQ.flags]! / 4,
      cqHead: p[CQ.head]! / 4,
      cqTail: p[CQ.tail]! / 4,
    };
    // The array says which request is the i-th; ours are used in order.
    for (let i = 0; i < p[SQ_ENTRIES]!; i++) words[p[SQ.array]! / 4 + i] = i;
  }

  /** How many requests were written and not submitted. */
  get waiting(): number {
    return this.#tail - this.#submitted;
  }

  /** No request can be written until those that wait are submitted. */
  get full(): boolean {
    return this.waiting > this.#sqMask;
  }

  /** Writes a request; the caller has seen that it is not `full`. Words are those of io_uring_sqe. */
  push(
    opcode: number,
    fd: number,
    address: readonly [low: number, high: number],
    length: number,
    opFlags: number,
    low: number,
    high: number,
  ): void {
    const { words } = this.#sqes;
    const at = (this.#tail++ & this.#sqMask) * SQE_WORDS;
    words.fill(0, at, at + SQE_WORDS);
    words[at] = opcode;
    words[at + 1] = fd;
    words[at + 4] = address[0];
    words[at + 5] = address[1];
    words[at + 6] = length;
    words[at + 7] = opFlags;
    words[at + 8] = low;
    words[at + 9] = high;
  }

  /**
   * Submits all that waits, and waits for `least` completions, at most `timeoutMs`. Returns what
   * io_uring_enter(2) returns, or -errno: a wait that is cut short after something was submitted is
   * not told from one that was not.
   */
  enter(least: number, timeoutMs: number): number {
    Atomics.store(this.#ring.words, this.#at.sqTail, this.#tail);
    const time = least === 0 || timeoutMs === Infinity ? NULL : this.#time.set(timeoutMs);
    this.#arg.view.setFloat64(0, 0);
    const address = time === NULL ? 0 : this.#timeAddress ??= addressOf(time);
    this.#arg.view.setUint32(ARG_TIME, address % 2 ** 32, true);
    this.#arg.view.setUint32(ARG_TIME + 4, Math.floor(address / 2 ** 32), true);
    const flags = ENTER_GETEVENTS | ENTER_EXT_ARG;
    const { pointer } = this.#arg;
    const result = c.enter(SYS_ENTER, this.fd, this.waiting, least, flags, pointer, ARG_LENGTH);
    const error = result === -1 ? errno() : 0;
    this.#submitted = Atomics.load(this.#ring.words, this.#at.sqHead);
    return error === 0 ? result : -error;
  }
  #timeAddress: number | undefined;

  /** Takes the next completion into `low`, `high`, `result` and `flags`; false when there is none. */
  next(): boolean {
    const { words } = this.#ring;
    const head = words[this.#at.cqHead]!;
    if (head === Atomics.load(words, this.#at.cqTail)) return false;
    const at = this.#cqes + (head & this.#cqMask) * CQE_WORDS;
    this.low = words[at]!;
    this.high = words[at + 1]!;
    this.result = words[at + 2]!;
    this.flags = words[at + 3]!;
    Atomics.store(words, this.#at.cqHead, (head + 1) | 0);
    return true;
  }

  /** The kernel keeps completions for which the ring has no room; the next `enter` brings them. */
  get overflown(): boolean {
    return (Atomics.load(this.#ring.words, this.#at.sqFlags) & SQ_CQ_OVERFLOW) !== 0;
  }

  /** Unmaps the rings and closes the descriptor. */
  close(): void {
    c.munmap(this.#ring.pointer, this.#ring.size);
    c.munmap(this.#sqes.pointer, this.#sqes.size);
    closeFd(this.fd);
    announceInterruption();
  }
}

function setup(params: Native, requests: number, completions: number): number {
  for (const more of [SETUP_COOP_TASKRUN, 0]) {
    params.bytes.fill(0);
    params.int32[CQ_ENTRIES] = completions;
    params.int32[FLAGS] = SETUP_CQSIZE | SETUP_CLAMP | more;
    const fd = c.setup(SYS_SETUP, requests, params.pointer);
    if (fd >= 0) return fd;
    const error = errno();
    if (error === ERRNO.EINVAL && more) continue; // an older kernel
    const why = error === ERRNO.EPERM || error === ERRNO.EACCES
      ? " (forbidden by kernel.io_uring_disabled or a seccomp profile)"
      : "";
    throw new OSError(error, "io_uring_setup", `create an io_uring${why}`);
  }
  return check(-1, "io_uring_setup", "create an io_uring");
}

function map(fd: number, size: number, offset: number) {
  const pointer = c.mmap(NULL, size, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset);
  const address = addressOf(pointer);
  if (address <= 0 || address >= 2 ** 63) check(-1, "mmap", "map an io_uring"); // MAP_FAILED
  return { pointer, size, words: new Int32Array(viewAt(pointer, size)) };
}
