/** One connection of the io_uring engine: receives that go on by themselves, sends that go along with a wait. */
import { OSError, Socket } from "../../net/mod.ts";
import { MSG_NOSIGNAL, MSG_PEEK, POLLIN, POLLOUT, SHUT_RDWR } from "../../sys/constants.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { Native } from "../../sys/ffi.ts";
import { c, retry } from "../../sys/posix.ts";
import { bytesInTransit, unreadBytes } from "../../sys/sockets.ts";
import { tcpInfo, type TransportInfo } from "../../sys/tcp_info.ts";
import { receive, transmit } from "../../sys/transfer.ts";
import type { Starting } from "../acceptor.ts";
import { COUNTER } from "../counters.ts";
import type { Connection, Handler, Released } from "../engine.ts";
import { OutputQueue } from "../queue.ts";
import { CLOSED, CONNECTING, ENDING, HELD, OVER, PAUSED, PEER_ENDED, SHARED } from "../state.ts";
import { KIND, MORE, type Target, type UringCore } from "./core.ts";

/** The most that one connection sends from its queue in a turn. */
const SEND_BUDGET = 256 * 1024;
const NO_BYTES = new Uint8Array(new ArrayBuffer(0));
const { EAGAIN, EINTR, ENOBUFS, ECANCELED } = ERRNO as Record<string, number>;

// Requests that are under way, beside the bits of state.ts.
const RECEIVING = 1 << 8;
const READABLE = 1 << 9;
const WRITABLE = 1 << 10;
/** The receive is to end. */
const CANCELLING = 1 << 11;
/** Something is to be seen to before the next submission. */
const MARKED = 1 << 12;
/** Received while paused, after `ahead`: the peer's end. */
const END_WAITS = 1 << 13;
/** To be reset rather than closed. */
const RESET = 1 << 14;
/** `finish` comes after the submission. */
const FINISHING = 1 << 15;
const DESCRIPTOR_CLOSED = 1 << 16;
const REQUESTS = RECEIVING | READABLE | WRITABLE;

const byte = new Native(8);

/** A connection over a descriptor and a ring. */
export class UringStream<S> implements Connection<S>, Starting, Target {
  state: S;
  index = -1;
  readonly #core: UringCore;
  readonly #fd: number;
  readonly #slot: number;
  readonly #handler: Handler<S>;
  /** CONNECTING and so on. */
  #is: number;
  /** Received before this engine took the connection in, or while paused: comes before all else. */
  #ahead: Uint8Array | undefined;
  /** Only while something is queued, as most connections never queue anything. */
  #queue: OutputQueue | undefined;
  /** The latest send, in the epoch in which it was written. */
  #request = 0;
  #epoch = 0;
  /** What comes after `ahead` instead of the end. */
  #failure = 0;

  /** @param fd below 0: an attempt to connect that failed at once */
  constructor(core: UringCore, fd: number, handler: Handler<S>, state: S, connecting: boolean) {
    this.#core = core;
    this.#fd = fd;
    this.#is = (fd < 0 ? CLOSED : 0) | (connecting ? CONNECTING : 0);
    this.#handler = handler;
    this.state = state;
    this.#slot = fd < 0 ? 0 : core.takeSlot(this);
  }

  get queued(): number {
    return this.#queue?.length ?? 0;
  }

  get closed(): boolean {
    return (this.#is & CLOSED) !== 0;
  }

  get unacknowledged(): number {
    if (this.#is & CLOSED) return 0;
    const written = this.#inFlight ? this.#core.sendLength(this.#request) : 0;
    return written + bytesInTransit(this.#fd);
  }

  get unread(): number {
    return this.#is & CLOSED ? 0 : (this.#ahead?.length ?? 0) + unreadBytes(this.#fd);
  }

  get peerName(): string {
    const socket = Socket.fromFd(this.#fd);
    const name = socket.peerName;
    socket.detach();
    return name;
  }

  transportInfo(): TransportInfo | null {
    return this.#is & CLOSED ? null : tcpInfo(this.#fd);
  }

  /** A send was written and is not submitted yet. */
  get #inFlight(): boolean {
    return this.#epoch === this.#core.epoch;
  }

  start(): undefined {
    this.#watch();
    if (!(this.#is & CONNECTING)) this.#handler.open(this);
  }

  /** As `start`, for a connection that has been open for a while, with bytes that it brings along. */
  startWith({ bytes, waits, shared }: Released): void {
    if (bytes.length > 0) this.#ahead = bytes;
    if (shared) this.#is |= SHARED;
    this.#watch();
    if (this.#ahead && !waits) this.#core.defer(() => this.#deliverAhead());
  }

  /** Asks for what this connection can do now; what is under way already stays. */
  #watch(): void {
    const is = this.#is;
    if (is & CLOSED) return;
    const wantsWritable = is & CONNECTING || this.#queue;
    if (wantsWritable && !(is & WRITABLE)) {
      this.#is |= WRITABLE;
      this.#core.poll(this.#slot, this.#fd, POLLOUT, KIND.writable);
    }
    if (is & (CONNECTING | PAUSED | HELD | PEER_ENDED | END_WAITS)) return;
    if (this.#handler.ready) {
      if (is & READABLE) return;
      this.#is |= READABLE;
      this.#core.poll(this.#slot, this.#fd, POLLIN, KIND.readable);
    } else if (!(is & RECEIVING) && !this.#ahead) {
      this.#is |= RECEIVING;
      this.#core.receive(this.#slot, this.#fd);
    }
  }

  /** Before the next submission: a pause that lasts until then ends the receive. */
  #mark(): void {
    if (this.#is & (MARKED | CLOSED)) return;
    this.#is |= MARKED;
    this.#core.beforeSubmit(() => {
      this.#is &= ~MARKED;
      if (this.#is & CLOSED) return;
      if (this.#is & (PAUSED | HELD)) this.#cancelReceive();
      else this.#watch();
    });
  }

  #cancelReceive(): void {
    if ((this.#is & (RECEIVING | CANCELLING)) !== RECEIVING) return;
    this.#is |= CANCELLING;
    this.#core.cancel(this.#slot, KIND.receive);
  }

  complete(kind: number, result: number, flags: number): void {
    if (kind === KIND.receive) this.#received(result, flags);
    else if (kind === KIND.readable) this.#readable();
    else this.#writable();
  }

  #received(result: number, flags: number): void {
    const core = this.#core;
    if (!(flags & MORE)) this.#is &= ~(RECEIVING | CANCELLING);
    if (result > 0) {
      const id = flags >>> 16;
      core.slots[COUNTER.bytesIn]! += result;
      const bytes = core.lend(id, result);
      if (this.#is & CLOSED) core.giveBack(id);
      else if (this.#is & (PAUSED | HELD) || this.#ahead) {
        this.#putAhead(bytes);
        core.giveBack(id);
      } else this.#deliver(id, bytes);
    } else if (!(this.#is & CLOSED)) this.#stopped(result);
    if (flags & MORE) return;
    if (this.#is & CLOSED) this.#dropSlot();
    else if (result !== -ENOBUFS!) this.#watch();
  }

  #deliver(id: number, bytes: Uint8Array): void {
    const core = this.#core;
    core.lent = id;
    try {
      this.#handler.data(this, bytes);
    } finally {
      core.lent = -1;
      core.giveBack(id);
    }
  }

  #putAhead(bytes: Uint8Array): void {
    this.#ahead = this.#ahead ? Buffer.concat([this.#ahead, bytes]) : bytes.slice();
  }

  /** A receive has ended with 0 or an error. */
  #stopped(result: number): void {
    if (result === -ECANCELED! || result === -EAGAIN! || result === -EINTR!) return;
    if (result === -ENOBUFS!) {
      this.#core.starved(() => this.#watch());
      return;
    }
    if (this.#ahead || this.#is & (PAUSED | HELD)) {
      this.#is |= END_WAITS;
      this.#failure = -result;
    } else this.#peerStopped(-result);
  }

  #peerStopped(error: number): void {
    if (error !== 0) return this.#fail(new OSError(error, "recv", "receive"));
    this.#is |= PEER_ENDED;
    this.#handler.end(this);
    this.#closeIfOver();
  }

  #deliverAhead(): void {
    if (this.#is & (PAUSED | HELD | CLOSED)) return;
    const bytes = this.#ahead;
    if (bytes) {
      if (this.#handler.ready) return this.#handler.ready(this, false); // they go along when it is released
      this.#ahead = undefined;
      this.#mark();
      this.#handler.data(this, bytes);
    }
    if (!(this.#is & END_WAITS) || this.#is & (PAUSED | HELD | CLOSED)) return;
    this.#is &= ~END_WAITS;
    this.#peerStopped(this.#failure);
  }

  /** For a handler with `ready`: something can be received, or the peer has ended. */
  #readable(): void {
    this.#is &= ~READABLE;
    if (this.#is & CLOSED) return this.#dropSlot();
    if (this.#is & (PAUSED | HELD)) return;
    if (this.#ahead) this.#deliverAhead();
    else this.#announce();
    this.#mark(); // once more in the next turn, unless it is paused or gone
  }

  #announce(): void {
    const waiting = receive(this.#fd, byte.pointer, 1, MSG_PEEK);
    if (waiting >= 0) return this.#handler.ready!(this, waiting === 0);
    const error = errno();
    if (error === EAGAIN || error === EINTR) this.#core.slots[COUNTER.spurious]!++;
    else this.#fail(new OSError(error, "recv", "receive"));
  }

  #writable(): void {
    this.#is &= ~WRITABLE;
    if (this.#is & CLOSED) this.#dropSlot();
    else if (this.#is & CONNECTING) this.#finishConnect();
    else if (this.#queue) this.#flush();
  }

  #finishConnect(): void {
    const socket = Socket.fromFd(this.#fd);
    const error = socket.takeError();
    socket.detach();
    if (error) return this.#fail(error);
    this.#is &= ~CONNECTING;
    const ended = this.#is & ENDING; // before there was anything to send FIN to
    if (this.#queue) this.#flushEarly();
    this.#watch();
    this.#handler.open(this);
    if (ended && !this.#queue && !(this.#is & CLOSED)) this.#finish();
  }

  /** What was sent before there was a connection. */
  #flushEarly(): void {
    const queue = this.#queue!;
    if (queue.drain(SEND_BUDGET, (bytes) => this.#transmit(bytes)) && queue.length === 0) {
      this.#queue = undefined;
    }
  }

  send(bytes: Uint8Array): number {
    if (
      this.#is & (CLOSED | ENDING | CONNECTING) || bytes.length === 0 || this.#queue ||
      this.#inFlight
    ) return this.#sendLater(bytes);
    const core = this.#core;
    const { length } = bytes;
    const request = core.send(this.#slot, this.#fd, bytes);
    if (request === -1) return this.#sendNow(bytes);
    this.#request = request;
    this.#epoch = core.epoch;
    core.slots[COUNTER.bytesOut]! += length; // what falls short is taken back
    return 0;
  }

  /** Where no request of their own is written for the bytes. */
  #sendLater(bytes: Uint8Array): number {
    const core = this.#core;
    try {
      if (this.#is & (CLOSED | ENDING) || bytes.length === 0) return this.queued;
      if (this.#queue || this.#is & CONNECTING) return this.#enqueue(bytes);
      // One send a turn and connection: if the first fell short, a second would overtake it.
      if (!core.sendMore(this.#request, bytes)) return this.#enqueueBehind(bytes);
      core.slots[COUNTER.bytesOut]! += bytes.length;
      return 0;
    } finally {
      core.giveBackRetained(bytes);
    }
  }

  /** Bytes that are too many to be copied: what the kernel takes at once need not be. */
  #sendNow(bytes: Uint8Array): number {
    const sent = this.#transmit(bytes);
    if (sent === bytes.length || sent < 0) return 0;
    return this.#enqueue(sent === 0 ? bytes : bytes.subarray(sent));
  }

  /** Goes out as soon as the send before it is known to have gone. */
  #enqueueBehind(bytes: Uint8Array): number {
    this.#core.afterSubmit(() => {
      if (!(this.#is & CLOSED) && this.#queue) this.#flush();
    });
    return this.#enqueue(bytes, false);
  }

  #enqueue(bytes: Uint8Array, watch = true): number {
    const queue = this.#queue ??= new OutputQueue();
    queue.push(bytes);
    const { slots, highWater } = this.#core;
    if (queue.length > slots[COUNTER.maxBuffered]!) slots[COUNTER.maxBuffered] = queue.length;
    if (queue.length >= highWater && !(this.#is & HELD)) {
      this.#is |= HELD;
      this.#mark();
    }
    if (watch) this.#watch();
    return queue.length;
  }

  fellShort(result: number, bytes: Uint8Array): void {
    const sent = Math.max(0, result);
    this.#core.slots[COUNTER.bytesOut]! -= bytes.length - sent;
    if (this.#is & RESET) return;
    if (result < 0 && result !== -EAGAIN! && result !== -EINTR!) {
      if (!(this.#is & CLOSED)) this.#fail(new OSError(-result, "send", "send"));
      return;
    }
    const later = this.#queue;
    this.#queue = new OutputQueue();
    this.#queue.push(bytes.subarray(sent));
    if (later) { // sent in the same turn
      while (later.length > 0) {
        const next = later.peek();
        this.#queue.push(next);
        later.consume(next.length);
      }
    }
    this.#enqueue(NO_BYTES);
  }

  /** How many bytes the kernel took; -1 after a failure. */
  #transmit(bytes: Uint8Array): number {
    const sent = transmit(this.#fd, bytes, bytes.length, MSG_NOSIGNAL);
    if (sent >= 0) {
      this.#core.slots[COUNTER.bytesOut]! += sent;
      return sent;
    }
    const error = errno();
    if (error === EAGAIN || error === EINTR) return 0;
    if (!(this.#is & CLOSED)) this.#fail(new OSError(error, "send", "send"));
    return -1;
  }

  #flush(): void {
    const queue = this.#queue!;
    if (!queue.drain(SEND_BUDGET, (bytes) => this.#transmit(bytes))) return;
    if (this.#is & HELD && queue.length <= this.#core.highWater / 2) {
      this.#is &= ~HELD;
      this.#goOn();
    }
    if (queue.length === 0) {
      this.#queue = undefined;
      if ((this.#is & (ENDING | CLOSED)) === ENDING) this.#finish();
    } else this.#watch();
    if (!(this.#is & CLOSED)) this.#handler.writable(this);
  }

  pause(): void {
    if (this.#is & PAUSED) return;
    this.#is |= PAUSED;
    this.#mark();
  }

  resume(): void {
    if (!(this.#is & PAUSED)) return;
    this.#is &= ~PAUSED;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#ahead || this.#is & END_WAITS) this.#core.defer(() => this.#deliverAhead());
    this.#mark();
  }

  end(): void {
    if (this.#is & (CLOSED | ENDING)) return;
    this.#is |= ENDING;
    if (!this.#queue && !(this.#is & CONNECTING)) this.#finish();
  }

  /** Everything is sent, or about to be: FIN. */
  #finish(): void {
    if (this.#inFlight) {
      if (this.#is & FINISHING) return;
      this.#is |= FINISHING;
      return this.#core.afterSubmit(() => {
        this.#is &= ~FINISHING;
        if (!this.#queue && !(this.#is & CLOSED)) this.#finish();
      });
    }
    // ENOTCONN when the peer has reset meanwhile: the receive says so. Closing sends FIN as well.
    if (!(this.#is & PEER_ENDED)) retry(() => c.shutdown(this.#fd, 1));
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#queue || this.#is & FINISHING || (this.#is & (OVER | CLOSED)) !== OVER) return;
    this.#retire(null);
  }

  close(): void {
    if (this.#is & CLOSED) return;
    // An answer that is cut must not look whole to a peer that sees FIN.
    if (this.#queue && !this.#inFlight) this.reset();
    else this.#retire(null);
  }

  reset(): void {
    if (this.#is & CLOSED) return;
    this.#is |= RESET;
    if (this.#inFlight) {
      this.#core.slots[COUNTER.bytesOut]! -= this.#core.sendLength(this.#request);
      this.#core.unsend(this.#request);
      this.#epoch = 0;
    }
    this.#retire(null);
  }

  #fail(error: OSError): void {
    this.#core.count(error);
    this.#retire(error);
  }

  /** The connection is over for its handler; its descriptor closes with the next submission. */
  #retire(error: OSError | null): void {
    const core = this.#core;
    this.#is |= CLOSED;
    this.#ahead = undefined;
    core.retire(this, () => this.#handler.close(this, error));
    if (this.#inFlight) return core.afterSubmit(() => this.#closeDescriptor());
    this.#closeDescriptor();
  }

  #closeDescriptor(): void {
    const core = this.#core;
    const queue = this.#queue;
    this.#queue = undefined;
    if (queue) { // what was handed over goes out, or the peer must see that it was cut
      if (!(this.#is & RESET)) queue.drain(SEND_BUDGET, (bytes) => this.#transmit(bytes));
      if (queue.length > 0) this.#is |= RESET, core.slots[COUNTER.cut]!++;
      queue.clear();
    }
    if (this.#is & RESET) {
      const socket = Socket.fromFd(this.#fd);
      socket.setLinger(0);
      socket.detach();
    }
    this.#cancelReceive();
    if (this.#is & READABLE) core.cancel(this.#slot, KIND.readable);
    if (this.#is & WRITABLE) core.cancel(this.#slot, KIND.writable);
    if (this.#is & SHARED) retry(() => c.shutdown(this.#fd, SHUT_RDWR));
    core.closeFd(this.#fd);
    this.#is |= DESCRIPTOR_CLOSED;
    this.#dropSlot();
  }

  /** The slot is free once the last request is over: a completion must not reach another. */
  #dropSlot(): void {
    if ((this.#is & (DESCRIPTOR_CLOSED | REQUESTS)) !== DESCRIPTOR_CLOSED) return;
    this.#is &= ~DESCRIPTOR_CLOSED; // once
    this.#core.dropSlot(this.#slot);
  }

  /** Ends what is under way, and gives up the descriptor, open; nothing is called any more. */
  release(): Released {
    if (this.#is & CLOSED) throw new Error("Cannot release a connection that is closed");
    const core = this.#core;
    if (this.#inFlight) core.submit();
    if (this.#queue || this.#is & (CONNECTING | ENDING)) {
      throw new Error("Cannot release a connection that is still connecting or sending");
    }
    if (this.#is & CLOSED) throw new Error("Cannot release a connection that is closed");
    this.#cancelReceive();
    if (this.#is & READABLE) core.cancel(this.#slot, KIND.readable);
    core.finish(
      this.#slot,
      (kind, result, flags) => this.#keepResult(kind, result, flags),
      () => (this.#is & REQUESTS) === 0,
    );
    this.#is |= CLOSED | DESCRIPTOR_CLOSED;
    this.#dropSlot();
    return { fd: this.#fd, bytes: this.#ahead ?? NO_BYTES };
  }

  /** A completion while the connection is given up: what was received goes along. */
  #keepResult(kind: number, result: number, flags: number): void {
    if (kind !== KIND.receive) this.#is &= kind === KIND.readable ? ~READABLE : ~WRITABLE;
    else if (!(flags & MORE)) this.#is &= ~(RECEIVING | CANCELLING);
    if (kind !== KIND.receive || result <= 0) return;
    const id = flags >>> 16;
    this.#core.slots[COUNTER.bytesIn]! += result;
    this.#putAhead(this.#core.lend(id, result));
    this.#core.giveBack(id);
  }
}
