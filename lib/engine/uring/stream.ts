/** One connection of the io_uring engine, from its beginning to its end. */
import type { OSError } from "../../net/mod.ts";
import { POLLRDHUP, SHUT_RDWR } from "../../sys/constants.ts";
import { c, retry } from "../../sys/posix.ts";
import { COUNTER } from "../counters.ts";
import type { Connection, Handler, Released } from "../engine.ts";
import type { Stream } from "../loop.ts";
import { BROKEN, CLOSED, CONNECTING, ENDING, OVER, PEER_ENDED, SHARED } from "../state.ts";
import type { UringCore } from "./core.ts";
import type { Target } from "./target.ts";
import { Input } from "./input.ts";
import { KIND, MORE } from "./requests.ts";
import {
  CANCELLING,
  DESCRIPTOR_CLOSED,
  END_SEEN,
  FINISHING,
  READABLE,
  RECEIVING,
  REQUESTS,
  RESET,
  SENDABLE,
  WRITABLE,
} from "./state.ts";

const NO_BYTES = new Uint8Array(new ArrayBuffer(0));

/** A connection over a descriptor and a ring. */
export class UringStream<S> extends Input<S> implements Stream<S>, Target {
  /** @param fd below 0: an attempt to connect that failed at once */
  constructor(core: UringCore, fd: number, handler: Handler<S>, state: S, connecting: boolean) {
    super(core, fd, handler, state, connecting ? CONNECTING : 0);
    core.setTarget(this.slot, this);
  }

  protected override get connection(): Connection<S> {
    return this;
  }

  override get unacknowledged(): number {
    const written = this.inFlight && !this.closed ? this.core.requests.lengthOf(this.request) : 0;
    return written + super.unacknowledged;
  }

  start(): undefined {
    this.watch();
    if (!(this.is & CONNECTING)) this.handler.open(this);
  }

  /** As `start`, for a connection that has been open for a while, with bytes that it brings along. */
  startWith({ bytes, waits, shared, sockaddr }: Released): void {
    this.sockaddr = sockaddr;
    if (bytes.length > 0) this.ahead = bytes;
    if (shared) this.is |= SHARED;
    this.watch();
    if (this.ahead && !waits) this.core.defer(() => this.deliverAhead());
  }

  complete(kind: number, result: number, flags: number): void {
    if (kind === KIND.receive) this.received(result, flags);
    else if (kind === KIND.readable) this.readable();
    else this.writable(result);
  }

  protected writable(events: number): void {
    this.is &= ~WRITABLE;
    if (this.is & CLOSED) return this.dropSlot();
    if (this.is & CONNECTING) return this.finishConnect();
    if (events === POLLRDHUP) {
      this.is |= END_SEEN;
      this.watch();
    } else this.goOnSending();
  }

  protected override goOnSending(): void {
    if (this.queue && !this.inFlight) this.flush(); // it goes out behind what is in flight
  }

  protected finishConnect(): void {
    const error = this.takeConnectError();
    if (error) return this.fail(error);
    this.is &= ~CONNECTING;
    const ended = this.is & ENDING; // before there was anything to send FIN to
    if (this.queue) this.drain();
    this.watch();
    this.handler.open(this);
    if (ended && !this.queue && !(this.is & CLOSED)) this.finish();
  }

  end(): void {
    if (this.is & (CLOSED | BROKEN | ENDING)) return;
    this.is |= ENDING;
    if (!this.queue && !(this.is & CONNECTING)) this.finish();
  }

  /** Everything is sent, or about to be: FIN. */
  protected override finish(): void {
    if (this.inFlight) {
      if (this.is & FINISHING) return;
      this.is |= FINISHING;
      return this.core.afterSubmit(() => {
        this.is &= ~FINISHING;
        if (!this.queue && !(this.is & CLOSED)) this.finish();
      });
    }
    // ENOTCONN when the peer has reset meanwhile: the receive says so. Closing sends FIN as well.
    if (!(this.is & PEER_ENDED)) retry(() => c.shutdown(this.fd, 1));
    this.closeIfOver();
  }

  protected override closeIfOver(): void {
    if (this.queue || this.is & FINISHING || (this.is & (OVER | CLOSED)) !== OVER) return;
    this.retire(null);
  }

  close(): void {
    if (this.is & CLOSED) return;
    // An answer that is cut must not look whole to a peer that sees FIN.
    if (this.queue && !this.inFlight) this.reset();
    else this.retire(null);
  }

  reset(): void {
    if (this.is & CLOSED) return;
    this.is |= RESET;
    if (this.inFlight) {
      this.core.slots[COUNTER.bytesOut]! -= this.core.requests.lengthOf(this.request);
      this.core.requests.withdraw(this.request);
      this.request = 0;
    }
    this.retire(null);
  }

  /** The connection is over for its handler; its descriptor closes with the next submission. */
  protected override retire(error: OSError | null): void {
    const core = this.core;
    const last = this.failure ?? error;
    this.is |= CLOSED;
    this.ahead = undefined;
    if (error && this.queue) {
      this.is |= RESET;
      this.dropQueue(false);
    }
    core.retire(this.fd, () => this.handler.close(this, last));
    if (this.inFlight) return core.afterSubmit(() => this.closeDescriptor());
    this.closeDescriptor();
  }

  protected closeDescriptor(): void {
    const core = this.core;
    // What was handed over goes out, or the peer must see that it was cut.
    const hasFailed = this.queue && !(this.is & RESET) && !this.drain();
    if (this.queue) {
      this.is |= RESET;
      this.dropQueue(!hasFailed); // a send that fails is the peer's doing
    }
    if (this.is & RESET) this.cutShort();
    this.cancelReceive();
    if (this.is & READABLE) core.requests.cancel(this.slot, KIND.readable);
    if (this.is & WRITABLE) core.requests.cancel(this.slot, KIND.writable);
    if (this.is & SENDABLE) core.writers.remove(this.fd);
    if (this.is & SHARED) retry(() => c.shutdown(this.fd, SHUT_RDWR));
    core.requests.closeFd(this.fd);
    this.is |= DESCRIPTOR_CLOSED;
    this.dropSlot();
  }

  /** The slot is free once the last request is over: a completion must not reach another. */
  protected override dropSlot(): void {
    if ((this.is & (DESCRIPTOR_CLOSED | REQUESTS)) !== DESCRIPTOR_CLOSED) return;
    this.is &= ~DESCRIPTOR_CLOSED; // once
    this.core.dropSlot(this.slot);
  }

  /** Ends what is under way, and gives up the descriptor, open; nothing is called any more. */
  release(): Released {
    if (this.is & CLOSED) throw new Error("Cannot release a connection that is closed");
    const core = this.core;
    if (this.inFlight) core.submit();
    if (this.queue || this.is & (CONNECTING | ENDING)) {
      throw new Error("Cannot release a connection that is still connecting or sending");
    }
    if (this.is & CLOSED) throw new Error("Cannot release a connection that is closed");
    this.cancelReceive();
    if (this.is & READABLE) core.requests.cancel(this.slot, KIND.readable);
    core.finish(
      this.slot,
      (kind, result, flags) => this.keepResult(kind, result, flags),
      () => (this.is & REQUESTS) === 0,
    );
    this.is |= CLOSED | DESCRIPTOR_CLOSED;
    this.dropSlot();
    return { fd: this.fd, bytes: this.ahead ?? NO_BYTES, sockaddr: this.sockaddr };
  }

  /** A completion while the connection is given up: what was received goes along. */
  protected keepResult(kind: number, result: number, flags: number): void {
    if (kind !== KIND.receive) this.is &= kind === KIND.readable ? ~READABLE : ~WRITABLE;
    else if (!(flags & MORE)) this.is &= ~(RECEIVING | CANCELLING);
    if (kind !== KIND.receive || result <= 0) return;
    const id = flags >>> 16;
    this.core.slots[COUNTER.bytesIn]! += result;
    this.putAhead(this.core.lending.lend(id, result));
    this.core.lending.giveBack(id);
  }
}
