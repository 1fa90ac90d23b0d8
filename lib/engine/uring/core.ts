/**
 * What the parts of the io_uring engine share: the ring, its buffers, who awaits which completion.
 *
 * A turn submits what the last one has written and waits, in one system call; then it goes through the
 * completions. Each send is a first attempt (MSG_DONTWAIT): it is over when the call returns, and leaves a
 * completion behind only when it fell short. So lent bytes and copies are free again after the call.
 */
import { OSError } from "../../net/mod.ts";
import { ERRNO } from "../../sys/errno.ts";
import { BufferRing } from "../../sys/linux/buffer_ring.ts";
import { Ring } from "../../sys/linux/uring.ts";
import { EngineCore } from "../core.ts";
import type { EngineOptions } from "../engine.ts";
import { Lending } from "./lending.ts";
import {
  BUFFER_GROUP,
  isSend,
  KIND,
  KIND_MASK,
  MOST_REQUESTS,
  Requests,
  sendNumber,
  SUBMISSION,
} from "./requests.ts";
import { SendTable } from "./send_table.ts";
import type { Target, Writers } from "./target.ts";

/** Completions that the ring has room for; the kernel keeps what is more. */
const COMPLETIONS = 16_384;
/** The most receive buffers, and the length of one: more than most messages have. */
const BUFFERS = 4096;
const BUFFER_BYTES = 2048;
/** Buffers for each connection beyond which no flood makes the engine have more. */
const BUFFERS_EACH = 2;

/**
 * A call makes no more completions than this when it waits for fewer (IO_LOCAL_TW_DEFAULT_MAX). One that has
 * made as many is followed by another, up to so many in a turn. To wait for more of them with a timeout of 0
 * would be one call, but sets up a timer: that costs more than ten calls.
 */
const KERNEL_BATCH = 20;
const BATCH = 256;

/** Errors of io_uring_enter(2) that are over when completions were taken: the turn goes on. */
const PASSING = new Set([ERRNO.EBUSY, ERRNO.EAGAIN]);

/** A kernel without memory refuses requests for a while. */
const MOST_TRIES = 1000;

/** The shared state. It knows neither streams nor listeners. */
export class UringCore extends EngineCore {
  readonly ring: Ring;
  readonly requests: Requests;
  /** Set by the loop. */
  writers!: Writers;
  readonly lending: Lending;
  /** One request receives again and again. */
  readonly again: boolean;
  /** The number of the first request since the last submission: those from it on can still be changed. */
  epoch = SUBMISSION;
  readonly #targets: (Target | undefined)[] = [undefined]; // slot 0 belongs to no target
  readonly #freeSlots: number[] = [];
  readonly #sends = new SendTable();
  #afterSubmit: (() => void)[] = [];
  #beforeSubmit: (() => void)[] = [];
  #starved: (() => void)[] = [];
  /** Completions beyond those that the ring had room for: four numbers each. */
  #staged: number[] = [];

  constructor(options: EngineOptions) {
    super(options);
    this.ring = new Ring(MOST_REQUESTS, COMPLETIONS);
    try {
      const length = Math.min(BUFFER_BYTES, this.receiveBytes);
      const buffers = new BufferRing(this.ring, BUFFER_GROUP, length, BUFFERS);
      this.lending = new Lending(buffers, BUFFERS);
    } catch (error) {
      this.ring.close();
      throw error;
    }
    this.again = this.ring.receivesAgain;
    this.requests = new Requests(this.ring.submissions, () => this.submit());
  }

  /** A slot for a target, under which it makes its requests. */
  takeSlot(): number {
    return this.#freeSlots.pop() ?? this.#targets.push(undefined) - 1;
  }

  /** Sets the target that gets the completions of a slot; slot 0 never has one. */
  setTarget(slot: number, target: Target): void {
    if (slot !== 0) this.#targets[slot] = target;
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

  /**
   * Sends with the next submission: lent bytes from where they lie, others from a copy. Returns the number
   * of the request, or -1 for bytes that are too many to be copied.
   */
  send(slot: number, fd: number, bytes: Uint8Array): number {
    const { requests, lending } = this;
    requests.makeRoom(); // before anything of this epoch is noted down
    const table = this.#sends;
    const id = lending.useForSend(bytes);
    if (id !== -1) {
      const number = table.addLent(bytes, id);
      const address = lending.addressOf(id, bytes);
      return requests.send(slot, fd, address, bytes.length, number) + this.epoch;
    }
    const number = table.addCopy(bytes);
    if (number === -1) return -1;
    return requests.send(slot, fd, table.address(number), bytes.length, number) + this.epoch;
  }

  /** Sends more behind what a request of this epoch sends; false when they can't lie side by side. */
  sendMore(request: number, bytes: Uint8Array): boolean {
    if (!this.#sends.append(this.requests.numberOf(request), bytes)) return false;
    this.requests.lengthen(request, bytes.length);
    return true;
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
    this.epoch += SUBMISSION;
    if (this.ring.overflown || this.ring.submissions.waiting > 0) this.#stage();
    // What fell short comes before all else: what is sent from now on goes behind it.
    if (this.#sends.count > 0) {
      if (this.#staged.length > 0 || this.ring.completions.has(KIND_MASK, KIND.send)) {
        this.scan(this.#takeShort);
      }
      this.#forgetSends();
    }
  }

  readonly #takeShort = (low: number, high: number, result: number): boolean => {
    if (!isSend(high)) return false;
    this.#targets[low]?.fellShort?.(result, this.#sends.bytes(sendNumber(high)));
    return true;
  };

  #forgetSends(): void {
    const table = this.#sends;
    for (let i = table.count - 1; i >= 0; i--) {
      const id = table.buffer(i);
      if (id !== -1) this.lending.giveBack(id);
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
    for (let least = 0; !isOver(); least = this.ring.completions.ready + 1) {
      this.enter(least, undefined);
      this.scan((low, high, result, flags) => {
        if (low === slot) take(high, result, flags);
        return low === slot;
      });
    }
  }

  /** Submits, waits, and dispatches what has completed. */
  override wait(timeoutMs: number | undefined): number {
    const { completions } = this.ring;
    if (this.#beforeSubmit.length > 0) run(this.#beforeSubmit.splice(0));
    const more = this.#afterSubmit.length > 0 || this.#staged.length > 0 ||
      completions.ready > 0;
    const passes = more || (timeoutMs !== undefined && timeoutMs <= 0);
    this.enter(passes ? 0 : 1, timeoutMs);
    for (let had = 0; completions.ready - had >= KERNEL_BATCH && completions.ready < BATCH;) {
      had = completions.ready;
      this.enter(0, undefined);
    }
    if (this.#afterSubmit.length > 0) run(this.#afterSubmit.splice(0));
    try {
      return this.#dispatchStaged() + this.#dispatch();
    } finally { // also after a handler has thrown
      completions.release();
      if (this.#starved.length > 0) this.#feed();
      this.lending.buffers.publish();
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
    const { buffers } = this.lending;
    if (buffers.count < BUFFERS_EACH * this.active) buffers.grow();
    run(this.#starved.splice(0));
  }
}

/** Calls all; what they ask for anew waits for the next time. */
function run(callbacks: (() => void)[]): void {
  for (const callback of callbacks) callback();
}
