/** What a connection is in either engine: a descriptor, its handler, its state, and what is queued. */
import { formatAddress, OSError, Socket } from "../net/mod.ts";
import { closeByReset, resetShared } from "./reset.ts";
import { addressIn } from "../sys/socket/sockaddr.ts";
import { bytesInTransit, unreadBytes } from "../sys/socket/sockets.ts";
import { receive } from "../sys/socket/transfer.ts";
import { tcpInfo, type TransportInfo } from "../sys/socket/tcp_info.ts";
import type { EngineCore } from "./core.ts";
import { COUNTER } from "./counters.ts";
import type { Connection, Handler } from "./engine.ts";
import type { OutputQueue } from "./queue.ts";
import { AHEAD, BROKEN, CLOSED, HELD, PAUSED, PEER_ENDED, SHARED } from "./state.ts";

/** For the few listeners that ask for it. */
const sockaddrs = new WeakMap<object, Uint8Array>();

/** What was received and not delivered, of connections that have AHEAD. */
const undelivered = new WeakMap<object, Uint8Array>();

/** Attempts to connect that go on, as sockets that know where to. */
const attempts = new WeakMap<object, Socket>();

/** What a send has failed with, until its connection is over. */
const failures = new WeakMap<object, OSError>();

/**
 * The part that does not depend on how one waits. There may be very many, most of them idle: what few have is
 * no field of each. On Bun one more than eight would take 112 bytes instead of 80, more than six 80 instead
 * of 64.
 */
export abstract class BaseStream<S> {
  state: S;
  /** Below 0: an attempt to connect that failed at once. */
  protected readonly fd: number;
  protected abstract readonly core: EngineCore;
  protected readonly handler: Handler<S>;
  /** CONNECTING and so on: see state.ts. */
  protected is: number;
  /** Only while something is queued, as most connections never queue anything. */
  protected queue: OutputQueue | undefined = undefined;

  constructor(fd: number, handler: Handler<S>, state: S, is: number) {
    this.fd = fd;
    this.handler = handler;
    this.state = state;
    this.is = fd < 0 ? is | CLOSED : is;
  }

  /** What accept(2) has said of the peer, as a sockaddr: a peer that has reset can't be asked any more. */
  get sockaddr(): Uint8Array | undefined {
    return sockaddrs.get(this);
  }
  set sockaddr(sockaddr: Uint8Array | undefined) {
    if (sockaddr) sockaddrs.set(this, sockaddr);
  }

  /** Received before this engine took the connection in, or while paused: comes before all else. */
  protected get ahead(): Uint8Array | undefined {
    return this.is & AHEAD ? undelivered.get(this) : undefined;
  }
  protected set ahead(bytes: Uint8Array | undefined) {
    if (bytes) {
      this.is |= AHEAD;
      undelivered.set(this, bytes);
    } else if (this.is & AHEAD) {
      this.is &= ~AHEAD;
      undelivered.delete(this);
    }
  }

  /** The attempt to connect whose descriptor this is. */
  set attempt(socket: Socket) {
    attempts.set(this, socket);
  }

  /** How that has ended. */
  protected takeConnectError(): OSError | null {
    const error = attempts.get(this)!.takeError();
    attempts.delete(this);
    return error;
  }

  get unsent(): number {
    return this.queue?.length ?? 0;
  }

  get queued(): number {
    return this.unsent;
  }

  get closed(): boolean {
    return (this.is & (CLOSED | BROKEN)) !== 0;
  }

  get unacknowledged(): number {
    return this.is & CLOSED ? 0 : bytesInTransit(this.fd);
  }

  get unread(): number {
    return this.is & CLOSED ? 0 : (this.ahead?.length ?? 0) + unreadBytes(this.fd);
  }

  get peerName(): string {
    const { sockaddr } = this;
    if (sockaddr) return formatAddress(addressIn(sockaddr));
    return this.asSocket((socket) => socket.peerName);
  }

  transportInfo(): TransportInfo | null {
    return this.is & CLOSED ? null : tcpInfo(this.fd);
  }

  /** Itself, as its handler knows it. */
  protected abstract get connection(): Connection<S>;
  /** Ends what waits for something to receive or for room to send. */
  protected abstract stopReceiving(): void;
  /** It is over: closes, and calls the handler's `close`. */
  protected abstract retire(error: OSError | null): void;

  /** A receive that was to end is still under way. */
  protected get receives(): boolean {
    return false;
  }

  /** Why nothing can be sent any more. */
  protected get failure(): OSError | undefined {
    return this.is & BROKEN ? failures.get(this) : undefined;
  }

  /** It is over by an error, with which nothing more comes either. */
  protected fail(error: OSError): void {
    this.core.count(error);
    this.retire(error);
  }

  /** A send has failed: nothing goes out any more, but what the peer had sent before comes first. */
  protected sendFailed(errno: number): void {
    if (this.is & (CLOSED | BROKEN)) return;
    const error = new OSError(errno, "send", "send");
    this.core.count(error);
    failures.set(this, error);
    this.is = this.is & ~HELD | BROKEN;
    closeByReset(this.fd); // a stream that was cut must not look whole
    this.dropQueue(false);
    this.stopReceiving();
    // Who has paused, or receives by other means, is given nothing.
    if (this.is & (PAUSED | PEER_ENDED) || this.handler.ready) this.retire(error);
    else this.#takeRest();
  }

  /** One receive a turn, until all has come that was there at the beginning. */
  #takeRest(left?: number): void {
    this.core.defer(() => {
      if (this.is & CLOSED) return;
      if (this.receives) return this.#takeRest(left);
      const most = left ?? this.unread;
      const bytes = most > 0 && !(this.is & PAUSED) ? this.#nextOfRest() : undefined;
      if (!bytes) return this.retire(null);
      this.handler.data(this.connection, bytes);
      this.#takeRest(most - bytes.length);
    });
  }

  #nextOfRest(): Uint8Array | undefined {
    const { core, ahead } = this;
    if (ahead) {
      const first = ahead.subarray(0, core.receiveBytes);
      this.ahead = first.length < ahead.length ? ahead.subarray(first.length) : undefined;
      return first;
    }
    const received = receive(this.fd, core.buffer.pointer, core.receiveBytes, 0);
    if (received <= 0) return undefined;
    core.slots[COUNTER.bytesIn]! += received;
    const bytes = core.views.first(received);
    core.observer?.received(this.connection, bytes);
    return bytes;
  }

  /** Drops what is queued. What the peer itself has cut, by an error, is no cut of ours. */
  protected dropQueue(isOurs: boolean): void {
    if (!this.queue) return;
    if (isOurs) this.core.slots[COUNTER.cut]!++;
    this.queue.clear();
    this.queue = undefined;
  }

  /** It closes now, by a reset. */
  protected cutShort(): void {
    if (this.is & SHARED) resetShared(this.fd);
    else closeByReset(this.fd);
  }

  /** Does something with the descriptor as a Socket, which stays open. */
  protected asSocket<R>(use: (socket: Socket) => R): R {
    const socket = Socket.fromFd(this.fd);
    try {
      return use(socket);
    } finally {
      socket.detach();
    }
  }
}
