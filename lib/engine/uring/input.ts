/** The receiving half of a connection: one request that receives again and again, and what a pause keeps. */
import { OSError } from "../../net/mod.ts";
import { MSG_PEEK, POLLIN, POLLOUT } from "../../sys/constants.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { Native } from "../../sys/ffi.ts";
import { receive } from "../../sys/socket/transfer.ts";
import { COUNTER } from "../counters.ts";
import { BROKEN, CLOSED, CONNECTING, HELD, PAUSED, PEER_ENDED } from "../state.ts";
import { KIND, MORE } from "./requests.ts";
import { Output } from "./output.ts";
import {
  BULK,
  CANCELLING,
  END_SEEN,
  END_WAITS,
  MARKED,
  READABLE,
  RECEIVING,
  SENDABLE,
  WRITABLE,
} from "./state.ts";
import type { Writer } from "./target.ts";

const { EAGAIN, EINTR, ENOBUFS, ECANCELED } = ERRNO as Record<string, number>;

const byte = new Native(8);

/** Of connections that have END_WAITS: 0 for the peer's end, or an error's number. */
const failures = new WeakMap<object, number>();

/** Receives, unless it is paused. */
export abstract class Input<S> extends Output<S> implements Writer {
  protected abstract goOnSending(): void;
  /** The descriptor is closed: the slot is free once no request is under way any more. */
  protected abstract dropSlot(): void;
  protected abstract closeIfOver(): void;

  /** Asks for what this connection can do now; what is under way already stays. */
  protected override watch(): void {
    const is = this.is;
    if (is & (CLOSED | BROKEN)) return;
    if ((is & CONNECTING || this.queue) && !(is & (WRITABLE | SENDABLE))) this.#askToSend();
    if (is & (CONNECTING | PAUSED | HELD | PEER_ENDED | END_WAITS)) return;
    if (this.handler.ready || is & BULK) {
      if (is & (READABLE | RECEIVING) || (is & BULK && this.ahead)) return;
      this.is |= READABLE;
      this.core.requests.poll(this.slot, this.fd, POLLIN, KIND.readable);
    } else if (!(is & (RECEIVING | READABLE)) && !this.ahead) {
      this.is |= RECEIVING;
      this.core.requests.receive(this.slot, this.fd, this.core.again);
    }
  }

  #askToSend(): void {
    if (this.is & END_SEEN) {
      this.is |= SENDABLE;
      this.core.writers.add(this.fd, this);
    } else {
      this.is |= WRITABLE;
      this.core.requests.poll(this.slot, this.fd, POLLOUT, KIND.writable);
    }
  }

  /** Something can be sent, at last. */
  sendable(): void {
    this.is &= ~SENDABLE;
    this.goOnSending();
  }

  /** Before the next submission: a pause that lasts until then ends the receive. */
  protected override mark(): void {
    if (this.is & (MARKED | CLOSED)) return;
    this.is |= MARKED;
    this.core.beforeSubmit(() => {
      this.is &= ~MARKED;
      if (this.is & CLOSED) return;
      if (this.is & (PAUSED | HELD)) this.cancelReceive();
      else this.watch();
    });
  }

  protected override get receives(): boolean {
    return (this.is & RECEIVING) !== 0;
  }

  protected override stopReceiving(): void {
    this.cancelReceive();
  }

  protected cancelReceive(): void {
    if ((this.is & (RECEIVING | CANCELLING)) !== RECEIVING) return;
    this.is |= CANCELLING;
    this.core.requests.cancel(this.slot, KIND.receive);
  }

  protected received(result: number, flags: number): void {
    const core = this.core;
    if (!(flags & MORE)) this.is &= ~(RECEIVING | CANCELLING);
    if (result > 0) {
      const id = flags >>> 16;
      core.slots[COUNTER.bytesIn]! += result;
      if (result === core.lending.buffers.length) this.#expectMuch();
      const bytes = core.lending.lend(id, result);
      if (this.is & CLOSED) core.lending.giveBack(id);
      else if (this.is & (PAUSED | HELD) || this.ahead) {
        this.putAhead(bytes);
        core.lending.giveBack(id);
      } else this.deliver(id, bytes);
    } else if (!(this.is & (CLOSED | BROKEN))) this.stopped(result);
    if (flags & MORE) return;
    if (this.is & CLOSED) this.dropSlot();
    else if (result !== -ENOBUFS!) this.watch();
  }

  /** A full buffer: what follows comes in larger pieces, and one a turn. */
  #expectMuch(): void {
    if (this.is & BULK || this.core.receiveBytes === this.core.lending.buffers.length) return;
    this.is |= BULK;
    this.cancelReceive();
  }

  #receiveMuch(): void {
    const core = this.core;
    const { receiveBytes } = core;
    const received = receive(this.fd, core.buffer.pointer, receiveBytes, 0);
    if (received < 0) return this.missed(errno());
    if (received === 0) return this.peerStopped(0);
    core.slots[COUNTER.bytesIn]! += received;
    if (received <= core.lending.buffers.length / 2) this.is &= ~BULK;
    this.handler.data(this.connection, core.views.first(received));
  }

  protected deliver(id: number, bytes: Uint8Array): void {
    const core = this.core;
    const { lending } = core;
    lending.lent = id;
    lending.lentBytes = bytes;
    try {
      this.handler.data(this.connection, bytes);
    } finally {
      lending.lent = -1;
      lending.lentBytes = undefined;
      lending.giveBack(id);
    }
  }

  protected putAhead(bytes: Uint8Array): void {
    this.ahead = this.ahead ? Buffer.concat([this.ahead, bytes]) : bytes.slice();
  }

  /** A receive has ended with 0 or an error. */
  protected stopped(result: number): void {
    if (result === -ECANCELED! || result === -EAGAIN! || result === -EINTR!) return;
    if (result === -ENOBUFS!) {
      this.core.starved(() => this.watch());
      return;
    }
    if (this.ahead || this.is & (PAUSED | HELD)) {
      this.is |= END_WAITS;
      failures.set(this, -result);
    } else this.peerStopped(-result);
  }

  protected peerStopped(error: number): void {
    if (error !== 0) return this.fail(new OSError(error, "recv", "receive"));
    this.is |= PEER_ENDED;
    this.handler.end(this.connection);
    this.closeIfOver();
  }

  protected deliverAhead(): void {
    if (this.ahead && this.handler.ready && !(this.is & (PAUSED | HELD | CLOSED))) {
      return this.handler.ready(this.connection, false); // they go along when it is released
    }
    if (this.is & BROKEN) return; // comes with the rest
    const { receiveBytes } = this.core;
    while (this.ahead && !(this.is & (PAUSED | HELD | CLOSED))) {
      const bytes = this.ahead;
      this.ahead = bytes.length > receiveBytes ? bytes.subarray(receiveBytes) : undefined;
      this.handler.data(this.connection, this.ahead ? bytes.subarray(0, receiveBytes) : bytes);
    }
    if (this.is & (PAUSED | HELD | CLOSED)) return;
    this.mark();
    if (!(this.is & END_WAITS)) return;
    this.is &= ~END_WAITS;
    this.peerStopped(failures.get(this)!);
  }

  /** For a handler with `ready`: something can be received, or the peer has ended. */
  protected readable(): void {
    this.is &= ~READABLE;
    if (this.is & CLOSED) return this.dropSlot();
    if (this.is & (PAUSED | HELD | BROKEN)) return;
    if (this.ahead) this.deliverAhead();
    else if (this.handler.ready) this.announce();
    else this.#receiveMuch();
    this.mark(); // once more in the next turn, unless it is paused or gone
  }

  protected announce(): void {
    const waiting = receive(this.fd, byte.pointer, 1, MSG_PEEK);
    if (waiting >= 0) return this.handler.ready!(this.connection, waiting === 0);
    this.missed(errno());
  }

  /** There was nothing to receive after all, or there never will be. */
  protected missed(error: number): void {
    if (error === EAGAIN || error === EINTR) this.core.slots[COUNTER.spurious]!++;
    else this.fail(new OSError(error, "recv", "receive"));
  }

  pause(): void {
    if (this.is & PAUSED) return;
    this.is |= PAUSED;
    this.mark();
  }

  resume(): void {
    if (!(this.is & PAUSED)) return;
    this.is &= ~PAUSED;
    this.goOn();
  }

  protected override goOn(): void {
    if (this.ahead || this.is & END_WAITS) this.core.defer(() => this.deliverAhead());
    this.mark();
  }
}
