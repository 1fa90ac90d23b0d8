/** The sending half of a connection: one send a turn goes along with the wait, what falls short is queued. */
import { MSG_NOSIGNAL } from "../../sys/constants.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { transmit } from "../../sys/socket/transfer.ts";
import { BaseStream } from "../base_stream.ts";
import { COUNTER } from "../counters.ts";
import type { Handler } from "../engine.ts";
import { OutputQueue } from "../queue.ts";
import { BROKEN, CLOSED, CONNECTING, ENDING, HELD } from "../state.ts";
import type { UringCore } from "./core.ts";
import { RESET } from "./state.ts";

/** The most that one connection sends from its queue in a turn. */
const SEND_BUDGET = 256 * 1024;
const NO_BYTES = new Uint8Array(new ArrayBuffer(0));
const { EAGAIN, EINTR } = ERRNO as Record<"EAGAIN" | "EINTR", number>;

/** Sends, and keeps what is not sent yet. */
export abstract class Output<S> extends BaseStream<S> {
  protected override readonly core: UringCore;
  protected readonly slot: number;
  /** The number of the latest send. */
  protected request = 0;

  constructor(core: UringCore, fd: number, handler: Handler<S>, state: S, is: number) {
    super(fd, handler, state, is);
    this.core = core;
    this.slot = fd < 0 ? 0 : core.takeSlot();
  }

  /** Asks for what can be done now. */
  protected abstract watch(): void;
  /** Has it looked at before the next submission. */
  protected abstract mark(): void;
  /** Receives again, as there is no reason any more not to. */
  protected abstract goOn(): void;
  /** All is sent: FIN. */
  protected abstract finish(): void;
  /** What waits behind a send that is in flight goes out with it. */
  override get queued(): number {
    return this.inFlight ? 0 : super.queued;
  }

  /** A send was written and is not submitted yet. */
  protected get inFlight(): boolean {
    return this.request >= this.core.epoch;
  }

  send(bytes: Uint8Array): number {
    if (
      this.is & (CLOSED | BROKEN | ENDING | CONNECTING) || bytes.length === 0 || this.queue ||
      this.inFlight
    ) return this.sendLater(bytes);
    const core = this.core;
    const { length } = bytes;
    const request = core.send(this.slot, this.fd, bytes);
    if (request === -1) return this.sendNow(bytes);
    this.request = request;
    core.slots[COUNTER.bytesOut]! += length; // what falls short is taken back
    return 0;
  }

  /** Where no request of their own is written for the bytes. */
  protected sendLater(bytes: Uint8Array): number {
    const core = this.core;
    try {
      if (this.is & (CLOSED | BROKEN | ENDING) || bytes.length === 0) return this.queued;
      if (this.queue || this.is & CONNECTING) return this.enqueue(bytes);
      // One send a turn and connection: if the first fell short, a second would overtake it.
      if (!core.sendMore(this.request, bytes)) return this.enqueueBehind(bytes);
      core.slots[COUNTER.bytesOut]! += bytes.length;
      return 0;
    } finally {
      core.lending.drop(bytes);
    }
  }

  /** Bytes that are too many to be copied: what the kernel takes at once need not be. */
  protected sendNow(bytes: Uint8Array): number {
    const sent = this.transmit(bytes);
    if (sent === bytes.length || sent < 0) return 0;
    return this.enqueue(sent === 0 ? bytes : bytes.subarray(sent));
  }

  /** Goes out as soon as the send before it is known to have gone. */
  protected enqueueBehind(bytes: Uint8Array): number {
    this.core.afterSubmit(() => {
      if (!(this.is & CLOSED) && this.queue) this.flush();
    });
    return this.enqueue(bytes, false);
  }

  protected enqueue(bytes: Uint8Array, watch = true): number {
    const queue = this.queue ??= new OutputQueue();
    queue.push(bytes);
    const { slots, highWater } = this.core;
    if (queue.length > slots[COUNTER.maxBuffered]!) slots[COUNTER.maxBuffered] = queue.length;
    if (queue.length >= highWater && !(this.is & HELD)) {
      this.is |= HELD;
      this.mark();
    }
    if (watch) this.watch();
    return this.queued;
  }

  fellShort(result: number, bytes: Uint8Array): void {
    const sent = Math.max(0, result);
    this.core.slots[COUNTER.bytesOut]! -= bytes.length - sent;
    if (this.is & RESET) return;
    if (result < 0 && result !== -EAGAIN! && result !== -EINTR!) {
      this.sendFailed(-result);
      return;
    }
    const later = this.queue;
    this.queue = new OutputQueue();
    this.queue.push(bytes.subarray(sent));
    if (later) { // sent in the same turn
      while (later.length > 0) {
        const next = later.peek();
        this.queue.push(next);
        later.consume(next.length);
      }
    }
    this.enqueue(NO_BYTES);
  }

  /** How many bytes the kernel took; -1 after a failure. */
  protected transmit(bytes: Uint8Array): number {
    const sent = transmit(this.fd, bytes, bytes.length, MSG_NOSIGNAL);
    if (sent >= 0) {
      this.core.slots[COUNTER.bytesOut]! += sent;
      return sent;
    }
    const error = errno();
    if (error === EAGAIN || error === EINTR) return 0;
    this.sendFailed(error);
    return -1;
  }

  /** Sends from the queue what the socket takes now; false when that has failed. */
  protected drain(): boolean {
    const queue = this.queue!;
    if (!queue.drain(SEND_BUDGET, (bytes) => this.transmit(bytes))) return false;
    if (queue.length === 0) this.queue = undefined;
    return true;
  }

  protected flush(): void {
    if (!this.drain()) return;
    if (this.is & HELD && this.queued <= this.core.highWater / 2) {
      this.is &= ~HELD;
      this.goOn();
    }
    if (this.queue) this.watch();
    else if ((this.is & (ENDING | CLOSED)) === ENDING) this.finish();
    if (!(this.is & CLOSED)) this.handler.writable(this.connection);
  }
}
