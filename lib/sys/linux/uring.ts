/**
 * One io_uring: set it up as well as the kernel can, map its rings, submit and wait in one call.
 *
 * See io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
 */
import { check, codeName, ERRNO, errno, OSError } from "../errno.ts";
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
import { announceInterruption } from "../process/thread.ts";
import { Timespec } from "../time.ts";
import { CompletionQueue, SubmissionQueue } from "./ring_queues.ts";

const TABLE = {
  // syscall(2): the C library has no wrappers for them. The numbers are the same on x64 and arm64.
  setup: { args: ["i32", "i32", "pointer"], result: "i32", symbol: "syscall" }, // nr, entries, params
  enter: { // nr, ring, to submit, least completions, flags, argument, its size
    args: ["i32", "i32", "i32", "i32", "i32", "pointer", "pointer"],
    result: "i32",
    symbol: "syscall",
  },
  register: { // nr, ring, opcode, argument, count
    args: ["i32", "i32", "i32", "pointer", "i32"],
    result: "i32",
    symbol: "syscall",
  },
  mmap: { args: ["pointer", "size", "i32", "i32", "i32", "size"], result: "pointer" },
  munmap: { args: ["pointer", "size"], result: "i32" },
  madvise: { args: ["pointer", "size", "i32"], result: "i32" },
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "linux"
  ? open(LIBC, TABLE)
  : absent("io_uring is part of Linux");

const SYS_SETUP = 425;
const SYS_ENTER = 426;
const SYS_REGISTER = 427;
const SETUP_CQSIZE = 1 << 3;
const SETUP_CLAMP = 1 << 4;
const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_COOP_TASKRUN = 1 << 8;
const SETUP_SINGLE_ISSUER = 1 << 12;
const SETUP_DEFER_TASKRUN = 1 << 13;
const SETUP_DEFERRED = SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN;
const SETUP_COOPERATIVE = SETUP_SUBMIT_ALL | SETUP_COOP_TASKRUN;

/**
 * What rings use of kernels newer than 5.19, where the kernel has it. Each can be switched off, for the rings
 * made from then on.
 */
export const NEWER_FEATURES = {
  /** Completions are made only while the ring's thread waits for them: IORING_SETUP_DEFER_TASKRUN (6.1). */
  deferredWork: true,
  /** One request receives again and again: IORING_RECV_MULTISHOT (6.0). */
  multishotReceive: true,
};

/** The features that a kernel must name: their bits in io_uring_params, and since when there are any. */
const NEEDED = [
  [1 << 0, "IORING_FEAT_SINGLE_MMAP", "5.4"],
  [1 << 1, "IORING_FEAT_NODROP", "5.5"],
  [1 << 5, "IORING_FEAT_FAST_POLL", "5.7"],
  [1 << 8, "IORING_FEAT_EXT_ARG", "5.11"],
  [1 << 11, "IORING_FEAT_CQE_SKIP", "5.17"],
] as const;
/** Why io_uring_setup(2) failed, for people. */
const SETUP_HINTS: Record<string, string> = {
  EPERM: " (forbidden by kernel.io_uring_disabled or a seccomp profile)",
  EACCES: " (forbidden by kernel.io_uring_disabled or a seccomp profile)",
  EINVAL: " (without IORING_SETUP_COOP_TASKRUN: it needs Linux 5.19 or newer)",
  ENOSYS: " (this kernel was built without it, is older than Linux 5.19, or a sandbox hides it)",
};
const OFF_SQES = 0x10000000;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MADV_DONTFORK = 10;
const REGISTER_PROBE = 8;
/** The operation that came with 6.0. */
const OP_SEND_ZC = 47;
/** Operations that a probe has room for. */
const PROBED = 256;
const ENTER_GETEVENTS = 1;
const ENTER_EXT_ARG = 8;
const SQ_CQ_OVERFLOW = 1 << 1;

// struct io_uring_params, in 32-bit words: entries, features, then the offsets within the rings.
const SQ_ENTRIES = 0, CQ_ENTRIES = 1, FLAGS = 2, FEATURES = 5;
const SQ = { head: 10, tail: 11, flags: 14, array: 16 };
const CQ = { head: 20, tail: 21, cqes: 25 };
const PARAMS_SIZE = 120;
const SQE_SIZE = 64;
// struct io_uring_getevents_arg: a signal mask, its size, padding, the address of a timespec.
const ARG_SIZE = 24;
const ARG_TIME = 16;

/** Memory of our own, page-aligned, that the kernel writes into or shares. */
export interface Mapped {
  readonly pointer: Pointer;
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A ring and its queues. It belongs to the thread that made it. */
export class Ring {
  readonly fd: number;
  readonly submissions: SubmissionQueue;
  readonly completions: CompletionQueue;
  readonly #words: Int32Array;
  readonly #sqFlags: number;
  readonly #mapped: Mapped[] = [];
  readonly #arg = new Native(ARG_SIZE);
  readonly #time = new Timespec();
  readonly #argLength = pointerOf(ARG_SIZE);

  /**
   * @param requests how many can be written between two calls of `enter`
   * @param completions how many the ring has room for; the kernel keeps what is more
   * @throws OSError ENOSYS, EPERM (forbidden here), Error when the kernel is too old
   */
  constructor(requests: number, completions: number) {
    const params = new Native(PARAMS_SIZE);
    this.fd = setup(params, requests, completions);
    const p = params.int32;
    try {
      checkFeatures(p[FEATURES]!);
      const [sqEntries, cqEntries] = [p[SQ_ENTRIES]!, p[CQ_ENTRIES]!];
      const size = Math.max(p[SQ.array]! + sqEntries * 4, p[CQ.cqes]! + cqEntries * 16);
      const words = this.#words = new Int32Array(this.#map(size, 0).bytes.buffer);
      const sqes = new Int32Array(this.#map(sqEntries * SQE_SIZE, OFF_SQES).bytes.buffer);
      // The array says which request is the i-th; ours are used in order.
      for (let i = 0; i < sqEntries; i++) words[p[SQ.array]! / 4 + i] = i;
      this.submissions = new SubmissionQueue(words, sqes, {
        head: p[SQ.head]! / 4,
        tail: p[SQ.tail]! / 4,
        mask: sqEntries - 1,
      });
      const places = { head: p[CQ.head]! / 4, tail: p[CQ.tail]! / 4, mask: cqEntries - 1 };
      this.completions = new CompletionQueue(words, places, p[CQ.cqes]! / 4);
      this.#sqFlags = p[SQ.flags]! / 4;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Submits all that waits, and waits for `least` completions, at most `timeoutMs` (undefined: without a
   * limit). Returns 0, or the number of an error; ETIME and EINTR are none.
   */
  enter(least: number, timeoutMs: number | undefined): number {
    const count = this.submissions.publish();
    const result = least === 0 || timeoutMs === undefined
      ? c.enter(SYS_ENTER, this.fd, count, least, ENTER_GETEVENTS, NULL, NULL)
      : this.#enterFor(count, least, timeoutMs);
    const error = result === -1 ? errno() : 0;
    this.submissions.update();
    return error === ERRNO.ETIME || error === ERRNO.EINTR ? 0 : error;
  }

  #enterFor(count: number, least: number, timeoutMs: number): number {
    const address = addressOf(this.#time.set(Math.max(0, timeoutMs)));
    const { view, pointer } = this.#arg;
    view.setUint32(ARG_TIME, address % 2 ** 32, true);
    view.setUint32(ARG_TIME + 4, Math.floor(address / 2 ** 32), true);
    const flags = ENTER_GETEVENTS | ENTER_EXT_ARG;
    return c.enter(SYS_ENTER, this.fd, count, least, flags, pointer, this.#argLength);
  }

  /** Submits all that waits; what completes is seen later. Returns 0, or the number of an error. */
  submit(): number {
    const count = this.submissions.publish();
    const error = c.enter(SYS_ENTER, this.fd, count, 0, 0, NULL, NULL) === -1 ? errno() : 0;
    this.submissions.update();
    return error;
  }

  /** The kernel keeps completions for which the ring has no room; the next `enter` brings them. */
  get overflown(): boolean {
    return (Atomics.load(this.#words, this.#sqFlags) & SQ_CQ_OVERFLOW) !== 0;
  }

  /** io_uring_register(2): the result, or -errno. */
  register(opcode: number, argument: Pointer, count: number): number {
    const result = c.register(SYS_REGISTER, this.fd, opcode, argument, count);
    return result === -1 ? -errno() : result;
  }

  /** One request can receive again and again (Linux 6.0): IORING_REGISTER_PROBE names the last operation. */
  get receivesAgain(): boolean {
    if (!NEWER_FEATURES.multishotReceive) return false;
    const probe = new Native(16 + 8 * PROBED);
    return this.register(REGISTER_PROBE, probe.pointer, PROBED) >= 0 &&
      probe.bytes[0]! >= OP_SEND_ZC;
  }

  /** Memory that lives as long as the ring; a page costs nothing until it is written to. */
  allocate(size: number): Mapped {
    return this.#keep(c.mmap(NULL, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0), size);
  }

  #map(size: number, offset: number): Mapped {
    return this.#keep(
      c.mmap(NULL, size, PROT_READ_WRITE, MAP_SHARED_POPULATE, this.fd, offset),
      size,
    );
  }

  #keep(pointer: Pointer, size: number): Mapped {
    const address = addressOf(pointer);
    if (address <= 0 || address >= 2 ** 63) check(-1, "mmap", "map memory of an io_uring"); // MAP_FAILED
    c.madvise(pointer, size, MADV_DONTFORK); // a child has no use for it, and could only do harm
    const mapped = { pointer, address, bytes: new Uint8Array(viewAt(pointer, size)) };
    this.#mapped.push(mapped);
    return mapped;
  }

  /** Closes the descriptor, which ends all requests, and unmaps the rings and all that was allocated. */
  close(): void {
    closeFd(this.fd);
    for (const { pointer, bytes } of this.#mapped.splice(0)) c.munmap(pointer, bytes.length);
    announceInterruption();
  }
}

/** @throws Error that names what a ring lacks, by the feature bits of io_uring_setup(2) */
export function checkFeatures(features: number): void {
  const missing = NEEDED.filter(([bit]) => (features & bit) === 0);
  if (missing.length === 0) return;
  const names = missing.map(([, name, since]) => `${name} (Linux ${since})`).join(", ");
  throw new Error(`Cannot use io_uring: this kernel lacks ${names}`);
}

/** Creates the ring; an older kernel refuses the flag that it does not know. */
function setup(params: Native, requests: number, completions: number): number {
  const create = (flags: number) => {
    params.bytes.fill(0);
    params.int32[CQ_ENTRIES] = completions;
    params.int32[FLAGS] = SETUP_CQSIZE | SETUP_CLAMP | flags;
    const fd = c.setup(SYS_SETUP, requests, params.pointer);
    return fd >= 0 ? fd : -errno();
  };
  let fd = NEWER_FEATURES.deferredWork ? create(SETUP_DEFERRED) : -ERRNO.EINVAL!;
  if (fd === -ERRNO.EINVAL!) fd = create(SETUP_COOPERATIVE);
  if (fd >= 0) return fd;
  const hint = SETUP_HINTS[codeName(-fd)] ?? "";
  throw new OSError(-fd, "io_uring_setup", `create an io_uring${hint}`);
}
