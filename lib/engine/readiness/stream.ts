/** One connection of the readiness engine: recv and send, as long as the selector says so. */
import { OSError } from "../../net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../../selectors/mod.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { MSG_NOSIGNAL, MSG_PEEK, POLLIN, SHUT_RDWR } from "../../sys/constants.ts";
import { c, closeFd, retry } from "../../sys/posix.ts";
import { receive, transmit } from "../../sys/socket/transfer.ts";
import { BaseStream } from "../base_stream.ts";
import { COUNTER } from "../counters.ts";
import type { Handler, Released } from "../engine.ts";
import type { Stream } from "../loop.ts";
import { OutputQueue } from "../queue.ts";
import {
  BROKEN,
  CLOSED,
  CONNECTING,
  ENDING,
  HELD,
  LEVEL,
  OVER,
  PAUSED,
  PEER_ENDED,
  SHARED,
  WATCHED_SHIFT,
} from "../state.ts";
import type { ReadinessCore, Source } from "./core.ts";
import { changeInterest } from "./interest.ts";

/** The most that one connection sends from its queue in a turn. */
const SEND_BUDGET = 256 * 1024;

const NO_BYTES = new Uint8Array(new ArrayBuffer(0));
const { EAGAIN, EINTR } = ERRNO as Record<"EAGAIN" | "EINTR", number>;

/** A connection over a descriptor and a selector. */
export class ReadinessStream<S> extends BaseStream<S> implements Stream<S>, Source {
  protected readonly core: ReadinessCore;

  constructor(
    core: ReadinessCore,
    fd: number,
    handler: Handler<S>,
    state: S,
    connecting: boolean,
  ) {
    super(fd, handler, state, connecting ? CONNECTING : 0);
    this.core = core;
    if (!core.edge || handler.ready) this.is |= LEVEL;
  }

  protected override get connection(): this {
    return this;
  }

  /** What the selector knows it by: an object that it need not ask the kernel about with every event. */
  fileno(): number {
    return this.fd;
  }

  /** Begins to watch; called once by the engine. Returns the error when it can't. */
  start(): OSError | undefined {
    const failure = this.#watch();
    if (!failure && !(this.is & CONNECTING)) this.handler.open(this);
    return failure;
  }

  /** As `start`, for a connection that has been open for a while, with bytes that it brings along. */
  startWith({ bytes, waits, shared, sockaddr }: Released): void {
    this.sockaddr = sockaddr;
    if (bytes.length > 0) this.ahead = bytes;
    this.is |= LEVEL | (shared ? SHARED : 0);
    if (!this.#watch() && this.ahead && !waits) this.core.defer(() => this.#deliverAhead());
  }

  /** Stops watching and gives up the descriptor, open; nothing is called any more. */
  release(): Released {
    if (this.is & CLOSED) throw new Error("Cannot release a connection that is closed");
    if (this.queue || this.is & (CONNECTING | ENDING)) {
      throw new Error("Cannot release a connection that is still connecting or sending");
    }
    this.is |= CLOSED;
    this.#unwatch();
    return { fd: this.fd, bytes: this.ahead ?? NO_BYTES, sockaddr: this.sockaddr };
  }

  ready(events: number, raw: number): void {
    if (this.is & CLOSED) return;
    if (this.is & CONNECTING) {
      if (!this.#finishConnect()) return;
    } else if (events & EVENT_READ && !(this.is & (PAUSED | HELD | PEER_ENDED))) {
      // Read first: an error or a hang-up comes together with data that has not been read yet.
      if (this.ahead) this.#deliverAhead();
      else if (this.handler.ready) this.#announce();
      else this.#receive(raw);
    }
    if (events & EVENT_WRITE && this.queue && !(this.is & CLOSED)) this.#flush();
  }

  #finishConnect(): boolean {
    const error = this.takeConnectError();
    if (error) {
      this.fail(error);
      return false;
    }
    this.is &= ~CONNECTING;
    const ended = this.is & ENDING; // before there was anything to send FIN to
    this.#watch();
    this.handler.open(this);
    if (ended && !this.queue && !(this.is & CLOSED)) this.#finish();
    return true;
  }

  #receive(raw: number): void {
    const core = this.core;
    const received = receive(this.fd, core.buffer.pointer, core.receiveBytes, 0);
    if (received > 0) {
      core.slots[COUNTER.bytesIn]! += received;
      // An edge is reported once, and there may be more than there was room for, or an end.
      if (!(this.is & LEVEL) && (received === core.receiveBytes || raw !== POLLIN)) {
        this.#watch(LEVEL);
      }
      const bytes = core.views.first(received);
      core.observer?.received(this, bytes);
      this.handler.data(this, bytes);
    } else if (received === 0) {
      this.is |= PEER_ENDED;
      this.#watch();
      this.handler.end(this);
      this.#closeIfOver();
    } else this.#missed(errno());
  }

  /** There was nothing to receive after all, or there never will be. */
  #missed(error: number): void {
    if (error === EAGAIN || error === EINTR) this.core.slots[COUNTER.spurious]!++;
    else this.fail(new OSError(error, "recv", "receive"));
  }

  /** Says that something can be received, without receiving it. */
  #announce(): void {
    const waiting = receive(this.fd, this.core.buffer.pointer, 1, MSG_PEEK);
    if (waiting >= 0) this.handler.ready!(this, waiting === 0);
    else this.#missed(errno());
  }

  #deliverAhead(): void {
    const bytes = this.ahead;
    if (!bytes || this.is & (PAUSED | HELD | CLOSED | BROKEN)) return;
    if (this.handler.ready) return this.handler.ready(this, false); // they go along when it is released
    this.ahead = undefined;
    this.handler.data(this, bytes);
  }

  send(bytes: Uint8Array): number {
    if (this.is & (CLOSED | BROKEN | ENDING)) return this.queued;
    let sent = 0;
    if (!this.queue && !(this.is & CONNECTING) && !this.core.observer) {
      sent = this.#transmit(bytes);
      if (sent === bytes.length || sent < 0) return 0;
    }
    const queue = this.queue ??= new OutputQueue();
    queue.push(sent === 0 ? bytes : bytes.subarray(sent));
    this.core.observer?.queued(this, bytes.length);
    const { slots, highWater } = this.core;
    if (queue.length > slots[COUNTER.maxBuffered]!) slots[COUNTER.maxBuffered] = queue.length;
    if (queue.length >= highWater) this.is |= HELD;
    this.#watch();
    return queue.length;
  }

  /** How many bytes the kernel took; -1 after a failure. */
  #transmit(bytes: Uint8Array): number {
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

  #flush(): void {
    const queue = this.queue!;
    const alive = queue.drain(SEND_BUDGET, (bytes) => {
      const sent = this.#transmit(bytes);
      if (sent > 0) this.core.observer?.sent(this, bytes.subarray(0, sent));
      return sent;
    });
    if (!alive) return;
    if (this.is & HELD && queue.length <= this.core.highWater / 2) this.#letGo();
    if (queue.length === 0) {
      this.queue = undefined;
      this.core.observer?.drained(this);
      this.#watch();
      if ((this.is & (ENDING | CLOSED)) === ENDING) this.#finish();
    }
    if (!(this.is & CLOSED)) this.handler.writable(this);
  }

  /** The peer has taken enough: what it sends is received again. */
  #letGo(): void {
    this.is &= ~HELD;
    this.#watch();
    if (this.ahead) this.core.defer(() => this.#deliverAhead());
  }

  pause(): void {
    this.is |= PAUSED;
    this.#watch();
  }

  resume(): void {
    this.is &= ~PAUSED;
    this.#watch();
    if (this.ahead) this.core.defer(() => this.#deliverAhead());
  }

  end(): void {
    if (this.is & (CLOSED | BROKEN | ENDING)) return;
    this.is |= ENDING;
    if (!this.queue && !(this.is & CONNECTING)) this.#finish();
  }

  /** Everything is sent: FIN. */
  #finish(): void {
    // ENOTCONN when the peer has reset meanwhile: the next event says so. Closing sends FIN as well.
    if (!(this.is & PEER_ENDED)) retry(() => c.shutdown(this.fd, 1));
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (!this.queue && (this.is & (OVER | CLOSED)) === OVER) this.retire(null);
  }

  close(): void {
    if (!(this.is & CLOSED)) this.retire(null);
  }

  reset(): void {
    if (this.is & CLOSED) return;
    this.cutShort();
    this.retire(null);
  }

  /** Stops watching and closes; the handler's `close` follows when the running call has returned. */
  protected override retire(error: OSError | null): void {
    const last = this.failure ?? error;
    this.is |= CLOSED;
    if (this.queue) this.cutShort(); // an answer that is cut must not look whole to a peer that sees FIN
    this.dropQueue(error === null);
    this.#unwatch();
    if (this.is & SHARED) retry(() => c.shutdown(this.fd, SHUT_RDWR));
    closeFd(this.fd);
    this.core.retire(this.fd, () => this.handler.close(this, last));
  }

  /** Brings the selector's interest in line with what this connection can do now. */
  #watch(level = 0): OSError | undefined {
    if (this.is & (CLOSED | BROKEN)) return;
    const { selector, edge } = this.core;
    const wanted = (this.is & (PAUSED | HELD | PEER_ENDED | CONNECTING) ? 0 : EVENT_READ) |
      (this.queue || this.is & CONNECTING ? EVENT_WRITE : 0);
    if (!(this.is & LEVEL) && (level || this.queue && !(this.is & CONNECTING))) {
      this.is |= LEVEL;
      this.#unwatch(); // how it is watched is said when it is registered
    }
    const before = this.is >> WATCHED_SHIFT;
    if (wanted === before) return;
    this.#watches(wanted);
    const options = this.is & LEVEL ? undefined : edge;
    const failure = changeInterest(selector, this, before, wanted, this, options);
    if (!failure) return;
    this.#watches(0);
    this.fail(failure);
    return failure;
  }

  protected override stopReceiving(): void {
    this.#unwatch();
  }

  #unwatch(): void {
    if (this.is >> WATCHED_SHIFT) this.core.selector.unregister(this.fd);
    this.#watches(0);
  }

  /** Notes what the selector watches now; 0 when the descriptor is not registered. */
  #watches(events: number): void {
    this.is = this.is & ((1 << WATCHED_SHIFT) - 1) | events << WATCHED_SHIFT;
  }
}
