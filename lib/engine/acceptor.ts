/** A listening socket of either engine: who is let in, and what to do when nothing more can be accepted. */
import { OSError, type Socket } from "../net/mod.ts";
import { ERRNO, errno } from "../sys/errno.ts";
import { Native, NULL } from "../sys/ffi.ts";
import { closeFd } from "../sys/posix.ts";
import { SOCKADDR_SIZE, unpackAddress } from "../sys/socket/sockaddr.ts";
import { acceptFd } from "../sys/socket/sockets.ts";
import type { Accepting, Closable, EngineCore } from "./core.ts";
import { COUNTER } from "./counters.ts";
import type { Listener, ListenerOptions } from "./engine.ts";
import type { Timer } from "./timers.ts";

const PAUSE_MS = 100;
/** Connections accepted per wake-up, so that a flood of new ones does not starve the others. */
const ACCEPTS_PER_TURN = 64;

/** Where accept(2) writes the peer's address: a peer that has reset meanwhile can't be asked any more. */
const peer = new Native(SOCKADDR_SIZE);
const peerLength = new Native(8);

/** Nothing can be accepted until something is given back: waiting for readiness would spin. */
const EXHAUSTED = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"].map((code) => ERRNO[code]));
/** The listener itself is broken; anything else concerns one connection, and the next may be fine. */
const BROKEN = new Set(
  ["EBADF", "EINVAL", "ENOTSOCK", "EOPNOTSUPP", "EFAULT"].map((code) => ERRNO[code]),
);

/** A connection that can begin. */
export interface Starting extends Closable {
  sockaddr: Uint8Array | undefined;
  /** Begins to be watched, and calls `open`; returns why it can't be watched, if so. */
  start(): OSError | undefined;
}

/** The part that does not depend on how one waits. */
export abstract class Acceptor<S> implements Listener, Accepting {
  protected readonly core: EngineCore;
  protected readonly socket: Socket;
  protected readonly options: ListenerOptions<S>;
  protected closed = false;
  #watched = false;
  #retry: Timer | undefined;
  /** From the first accept that failed for want of something until none waits; reported once. */
  #exhausted = false;
  /** The last new connection could not be watched; reported once. */
  #refusing = false;

  /** Owns the socket from now on; `open` must follow. */
  constructor(core: EngineCore, socket: Socket, options: ListenerOptions<S>) {
    this.core = core;
    this.socket = socket;
    this.options = options;
  }

  /** Begins to wait for connections. @throws OSError */
  protected abstract watch(): void;
  protected abstract unwatch(): void;
  /** A connection of an accepted descriptor. */
  protected abstract connectionOf(fd: number): Starting;

  /** @throws OSError when it can't be watched; the socket is closed then */
  open(): void {
    try {
      // Accepted sockets inherit both: an option each would be two more system calls for a connection.
      this.socket.setNoDelay(true);
      this.socket.setKeepAlive(true);
      this.watch();
    } catch (error) {
      this.socket.close();
      throw error;
    }
    this.#watched = true;
    this.core.listeners.add(this);
  }

  /** Accepts until nothing waits, for at most ACCEPTS_PER_TURN connections a turn. */
  ready(): void {
    for (let i = 0; i < ACCEPTS_PER_TURN && !this.closed; i++) {
      const fd = this.#accept();
      if (fd >= 0) {
        this.#accepted(fd);
        continue;
      }
      const error = errno();
      if (error === ERRNO.EAGAIN) {
        if (i === 0) this.core.slots[COUNTER.spurious]!++;
        this.#exhausted = false;
        return;
      }
      if (!this.#failed(error)) return;
    }
  }

  #accept(): number {
    const { deny, named } = this.options;
    if (!deny && !named) return acceptFd(this.socket.fileno(), NULL, NULL);
    peerLength.int32[0] = SOCKADDR_SIZE;
    return acceptFd(this.socket.fileno(), peer.pointer, peerLength.pointer);
  }

  #accepted(fd: number): void {
    let connection: Starting | undefined;
    try {
      connection = this.#admitted(fd);
    } finally {
      if (!connection) closeFd(fd); // refused, or something was thrown
    }
    if (!connection) return;
    this.core.add(fd, connection);
    const failure = connection.start();
    if (failure && !this.#refusing) this.options.refused?.(failure);
    this.#refusing = failure !== undefined;
  }

  #admitted(fd: number): Starting | undefined {
    const { slots } = this.core;
    const { admit, deny, named } = this.options;
    slots[COUNTER.accepted]!++;
    if (deny?.(unpackAddress(peer.view, peerLength.int32[0]!))) {
      slots[COUNTER.denied]!++;
      return undefined;
    }
    if (admit && !admit()) {
      slots[COUNTER.rejected]!++;
      return undefined;
    }
    const connection = this.connectionOf(fd);
    if (named) connection.sockaddr = peer.bytes.slice(0, peerLength.int32[0]!);
    return connection;
  }

  /** accept(2) has failed. False when there is nothing more to try now. @throws OSError when it is broken */
  #failed(error: number): boolean {
    if (error !== ERRNO.EINTR) this.core.counters.countError(error);
    const failure = new OSError(error, "accept4", "accept a connection");
    if (BROKEN.has(error)) throw failure;
    if (!EXHAUSTED.has(error)) return true;
    this.#pause(failure);
    return false;
  }

  #pause(error: OSError): void {
    if (this.#watched) this.unwatch();
    this.#watched = false;
    this.#retry?.cancel();
    this.#retry = this.core.after(PAUSE_MS, () => this.resume());
    if (this.#exhausted) return;
    this.#exhausted = true;
    this.core.slots[COUNTER.acceptPauses]!++;
    this.options.paused?.(error);
  }

  /** Goes on accepting; called when a connection closes. What can't be watched is tried again later. */
  resume(): void {
    if (this.#watched || this.closed) return;
    try {
      this.watch();
    } catch (error) {
      return this.#pause(error as OSError);
    }
    this.#retry?.cancel();
    this.#watched = true;
  }

  /** The wait is over: the next one, unless accepting has paused or ended. */
  protected rewatch(): void {
    if (this.#watched && !this.closed) this.watch();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#retry?.cancel();
    if (this.#watched) this.unwatch();
    this.socket.close();
    this.core.listeners.delete(this);
  }
}
