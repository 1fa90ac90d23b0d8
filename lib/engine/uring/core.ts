/**
 * What the parts of the io_uring engine share: the ring, its buffers, who awaits which completion.
 *
 * A turn submits what the last one has written and waits, in one system call; then it goes through the
 * completions. Each send is a first attempt (MSG_DONTWAIT): it is over when the call returns, and leaves a
 * completion behind only when it fell short. So lent bytes and copies are free again after the call.
 */
import { OSError } from "../../net/mod.ts";
import { MSG_NOSIGNAL } from "../../sys/constants.ts";
import { ERRNO } from "../../sys/errno.ts";
import { BufferRing } from "../../sys/linux/buffer_ring.ts";
import { Ring } from "../../sys/linux/uring.ts";
import { EngineCore } from "../core.ts";
import type { EngineOptions } from "../engine.ts";
import { SendTable } from "./send_table.ts";

/** Requests between two turns; when there are more, they are submitted in between. */
const REQUESTS = 4096;
/** Completions that the ring has room for; accepting a whole backlog makes as many. */
const COMPLETIONS = 16_384;
/** The most receive buffers. */
const BUFFERS = 4096;
const BUFFER_GROUP = 0;
/** Views of buffers are kept up to this length, the latest of each buffer. */
const KEPT_VIEW = 4096;

// From linux/io_uring.h. Flags of a request are its second byte, its "ioprio" the upper half of the word.
const OP_POLL_ADD = 6;
const OP_ACCEPT = 13;
const OP_ASYNC_CANCEL = 14;
const OP_CLOSE = 19;
const OP_SEND = 26;
const OP_RECV = 27;
const BUFFER_SELECT = 1 << 13;
const CQE_SKIP_SUCCESS = 1 << 14;
const ACCEPT_MULTISHOT = 1 << 16;
const RECV_MULTISHOT = 2 << 16;
const MSG_DONTWAIT = 0x40;
const MSG_WAITALL = 0x100;
const SOCK_NONBLOCK_CLOEXEC = 0x80800;
/** In a completion's flags: the request goes on. */
export const MORE = 2;

/** What a request is for: the high half of its user_data. 0 is nothing. */
export const KIND = { receive: 1, send: 2, readable: 3, writable: 4, accept: 5 } as const;
const KIND_BITS = 3;
const KIND_MASK = (1 << KIND_BITS) - 1;

/** Errors of io_uring_enter(2) that are over when completions were taken: the turn goes on. */
const PASSING = new Set([ERRNO.EBUSY, ERRNO.EAGAIN]);

/** A kernel without memory refuses requests for a while. */
const MOST_TRIES = 1000;

/** Awaits completions. */
export interface Target {
  /** A completion of any kind but `send`. */
  complete(kind: number, result: number, flags: number): void;
  /** A send fell short: `result` bytes of `bytes` went out, or it is -errno. `bytes` are lent. */
  fellShort?(result: number, bytes: Uint8Array): void;
}

/** The shared state. It knows neither streams nor listeners. */
export class UringCore extends EngineCore {
  readonly ring: Ring;
  readonly buffers: BufferRing;
  /** Counts submissions: what was written since the last one can still be changed. */
  epoch = 1;
  /** Something was left for the next turn, which does not wait. */
  urgent = false;
  /** The buffer whose bytes are lent to a handler now, or -1. */
  lent = -1;
  readonly #targets: (Target | undefined)[] = [undefined]; // slot 0 is that of no one
  readonly #freeSlots: number[] = [];
  /** How often each buffer is in use, by its number. */
  readonly #uses = new Uint8Array(BUFFERS);
  readonly #views: (Uint8Array | undefined)[] = [];
  /** Kept beyond `data`, by the views that were handed out. */
  readonly #retained = new Map<Uint8Array, number>();
  readonly #sends = new SendTable();
  #afterSubmit: (() => void)[] = [];
  #beforeSubmit: (() => void)[] = [];
  #starved: (() => void)[] = [];
  /** Completions beyond those that the ring had room for: four numbers each. */
  #staged: number[] = [];

  constructor(options: EngineOptions) {
    super(options);
    this.ring = new Ring(REQUESTS, COMPLETIONS);
    try {
      this.buffers = new BufferRing(this.ring, BUFFER_GROUP, this.receiveBytes, BUFFERS);
    } catch (error) {
      this.ring.close();
      throw error;
    }
  }

  /** A slot for a target, under which it makes its requests. */
  takeSlot(target: Target): number {
    const slot = this.#freeSlots.pop() ?? this.#targets.length;
    this.#targets[slot] = target;
    return slot;
  }

  /** Gives a slot back, all of whose requests are over. */
  dropSlot(slot: number): void {
    this.#targets[slot] = undefined;
    this.#freeSlots.push(slot);
  }

  /** How many targets have slots. */
  get slotsTaken(): number {
    return this.#targets.length - 1 - this.#freeSlots.length;
  }

  #push(
    first: number,
    fd: number,
    address: number,
    length: number,
    opFlags: number,
    slot: number,
    kind: number,
  ): number {
    const { submissions } = this.ring;
    if (submissions.full) this.submit();
    const [low, high] = [address | 0, (address / 2 ** 32) | 0];
    return submissions.push(first, fd, low, high, length, opFlags, slot, kind, BUFFER_GROUP);
  }

  /** Receives again and again, until a completion without MORE. */
  receive(slot: number, fd: number): void {
    const first = OP_RECV | BUFFER_SELECT | RECV_MULTISHOT;
    this.#push(first, fd, 0, 0, 0, slot, KIND.receive);
  }

  /** Accepts again and again, until a completion without MORE. */
  accept(slot: number, fd: number): void {
    this.#push(OP_ACCEPT | ACCEPT_MULTISHOT, fd, 0, 0, SOCK_NONBLOCK_CLOEXEC, slot, KIND.accept);
  }

  /** Waits once for events of poll(2). */
  poll(slot: number, fd: number, events: number, kind: number): void {
    this.#push(OP_POLL_ADD, fd, 0, 0, events, slot, kind);
  }

  /** Ends a request, whose last completion follows. */
  cancel(slot: number, kind: number): void {
    this.#push(OP_ASYNC_CANCEL | CQE_SKIP_SUCCESS, -1, slot + kind * 2 ** 32, 0, 0, 0, 0);
  }

  /** Closes a descriptor with the next submission. */
  closeFd(fd: number): void {
    this.#push(OP_CLOSE | CQE_SKIP_SUCCESS, fd, 0, 0, 0, 0, 0);
  }

  /**
   * Sends with the next submission: lent bytes from where they lie, others from a copy. Returns a number
   * for the request, valid in this epoch, or -1 for bytes that are too many to be copied.
   */
  send(slot: number, fd: number, bytes: Uint8Array): number {
    if (this.ring.submissions.full) this.submit();
    const table = this.#sends;
    const id = this.#retained.size > 0 && this.#retained.has(bytes) ? -1 : this.lent;
    let index: number;
    if (id !== -1 && bytes.buffer === this.buffers.slab(id).buffer) {
      this.#uses[id]!++;
      index = table.addLent(bytes, this.buffers.slabAddress(id) + bytes.byteOffset, id);
    } else {
      index = this.#addRetained(bytes);
      if (index === -1) index = table.addCopy(bytes);
      if (index === -1) return -1;
    }
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL;
    const first = OP_SEND | CQE_SKIP_SUCCESS;
    const kind = KIND.send | index << KIND_BITS;
    return this.#push(first, fd, table.address(index), bytes.length, flags, slot, kind);
  }

  /** The use of a retained buffer goes over to the send; -1 when the bytes are not retained. */
  #addRetained(bytes: Uint8Array): number {
    const id = this.#retained.size > 0 ? this.#retained.get(bytes) : undefined;
    if (id === undefined) return -1;
    this.#retained.delete(bytes);
    return this.#sends.addLent(bytes, this.buffers.slabAddress(id) + bytes.byteOffset, id);
  }

  /** Sends more behind what a request of this epoch sends; false when they can't lie side by side. */
  sendMore(request: number, bytes: Uint8Array): boolean {
    const { words } = this.ring.submissions;
    if (!this.#sends.append(words[request + 9]! >> KIND_BITS, bytes)) return false;
    words[request + 6]! += bytes.length;
    return true;
  }

  /** What a request of this epoch would have sent is not sent. */
  unsend(request: number): void {
    this.ring.submissions.words[request] = CQE_SKIP_SUCCESS; // IORING_OP_NOP
  }

  /** How much a request of this epoch sends. */
  sendLength(request: number): number {
    return this.ring.submissions.words[request + 6]!;
  }

  /** Calls back before the next turn submits, to write what only then is certain. */
  beforeSubmit(callback: () => void): void {
    this.#beforeSubmit.push(callback);
  }

  /** Calls back once all that is written is submitted, and what fell short is known. */
  afterSubmit(callback: () => void): void {
    this.#afterSubmit.push(callback);
  }

  /** Calls back at the end of the turn, when buffers were given back. */
  starved(callback: () => void): void {
    this.#starved.push(callback);
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

  giveBackRetained(bytes: Uint8Array): void {
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

  /** Submits what was written, before the turn is over. */
  submit(): void {
    const error = this.ring.submit();
    if (error !== 0) throw new OSError(error, "io_uring_enter", "submit to an io_uring");
    this.#submitted();
  }

  /** Submits, and waits for so many completions that are not taken yet. */
  enter(least: number, timeoutMs: number | undefined): void {
    const error = this.ring.enter(least, timeoutMs);
    if (error !== 0 && !PASSING.has(error)) {
      throw new OSError(error, "io_uring_enter", "wait for an io_uring");
    }
    this.#submitted();
  }

  #submitted(): void {
    this.epoch++;
    if (this.ring.overflown || this.ring.submissions.waiting > 0) this.#stage();
    // What fell short comes before all else: what is sent from now on goes behind it.
    if (this.#sends.count > 0) {
      this.scan(this.#takeShort);
      this.#forgetSends();
    }
  }

  readonly #takeShort = (low: number, high: number, result: number): boolean => {
    if ((high & KIND_MASK) !== KIND.send) return false;
    this.#targets[low]?.fellShort?.(result, this.#sends.bytes(high >> KIND_BITS));
    return true;
  };

  #forgetSends(): void {
    const table = this.#sends;
    for (let i = table.count - 1; i >= 0; i--) {
      const id = table.buffer(i);
      if (id !== -1) this.giveBack(id);
    }
    table.clear();
  }

  /** Takes all completions out of the ring, so that it has room for those that the kernel keeps. */
  #stage(): void {
    const { ring } = this;
    const { completions, submissions } = ring;
    for (let tries = 0; ring.overflown || submissions.waiting > 0; tries++) {
      if (tries === MOST_TRIES) throw new Error("Cannot go on: an io_uring takes no more requests");
      for (let left = completions.ready; left > 0; left--) {
        completions.next();
        this.#staged.push(
          ...[completions.low, completions.high, completions.result, completions.flags],
        );
      }
      completions.release();
      ring.enter(0, undefined);
    }
  }

  /** Looks at all completions that are not dispatched yet; those that `take` takes are not dispatched. */
  scan(take: (low: number, high: number, result: number, flags: number) => boolean): void {
    const staged = this.#staged;
    for (let i = 0; i < staged.length; i += 4) {
      if (take(staged[i]!, staged[i + 1]!, staged[i + 2]!, staged[i + 3]!)) {
        staged[i] = staged[i + 1] = 0;
      }
    }
    this.ring.completions.scan(take);
  }

  /**
   * Submits what was written, and waits until `isOver` says that a slot's requests are over. Their
   * completions go to `take` at once; all others wait for the turn.
   */
  finish(
    slot: number,
    take: (kind: number, result: number, flags: number) => void,
    isOver: () => boolean,
  ): void {
    while (!isOver()) {
      this.enter(this.ring.completions.ready + 1, undefined);
      this.scan((low, high, result, flags) => {
        if (low === slot) take(high, result, flags);
        return low === slot;
      });
    }
  }

  /** Submits, waits, and dispatches what has completed. Returns how many completions there were. */
  wait(timeoutMs: number | undefined): number {
    const { completions } = this.ring;
    const more = this.urgent || this.#staged.length > 0 || completions.ready > 0;
    this.urgent = false;
    if (this.#beforeSubmit.length > 0) run(this.#beforeSubmit.splice(0));
    this.enter(more || (timeoutMs !== undefined && timeoutMs <= 0) ? 0 : 1, timeoutMs);
    if (this.#afterSubmit.length > 0) run(this.#afterSubmit.splice(0));
    try {
      return this.#dispatchStaged() + this.#dispatch();
    } finally { // also after a handler has thrown
      completions.release();
      if (this.#starved.length > 0) this.#feed();
      this.buffers.publish();
    }
  }

  #dispatch(): number {
    const { completions } = this.ring;
    let count = 0;
    for (let left = completions.ready; left > 0; left--) {
      completions.next();
      const target = this.#targets[completions.low];
      if (!target) continue; // was taken before its turn
      count++;
      target.complete(completions.high, completions.result, completions.flags);
    }
    return count;
  }

  #dispatchStaged(): number {
    if (this.#staged.length === 0) return 0;
    let count = 0;
    try {
      for (; count < this.#staged.length / 4; count++) {
        const [low, high, result, flags] = this.#staged.slice(4 * count, 4 * count + 4);
        this.#targets[low!]?.complete(high!, result!, flags!);
      }
    } finally {
      this.#staged.splice(0, 4 * (count + 1));
    }
    return count;
  }

  #feed(): void {
    this.buffers.grow();
    run(this.#starved.splice(0));
  }
}

/** Calls all; what they ask for anew waits for the next time. */
function run(callbacks: (() => void)[]): void {
  for (const callback of callbacks) callback();
}
