/** A listening socket of the readiness engine, and what to do when nothing more can be accepted. */
import { OSError, Socket } from "../../net/mod.ts";
import { EVENT_READ } from "../../selectors/mod.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { Native } from "../../sys/ffi.ts";
import { SOCKADDR_SIZE, unpackAddress } from "../../sys/sockaddr.ts";
import { acceptFd } from "../../sys/sockets.ts";
import type { Accepting } from "../core.ts";
import { COUNTER } from "../counters.ts";
import type { Listener, ListenerOptions } from "../engine.ts";
import type { Timer } from "../timers.ts";
import type { ReadinessCore, Source } from "./core.ts";
import { Stream } from "./stream.ts";

/** Connections accepted per wake-up, so that a flood of new ones does not starve the others. */
const ACCEPTS_PER_TURN = 64;
const PAUSE_MS = 100;

/** Nothing can be accepted until something is given back: waiting for readiness would spin. */
const EXHAUSTED = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"].map((code) => ERRNO[code]));
/** The listener itself is broken; anything else concerns one connection, and the next may be fine. */
const BROKEN = new Set(
  ["EBADF", "EINVAL", "ENOTSOCK", "EOPNOTSUPP", "EFAULT"].map((code) => ERRNO[code]),
);

/** Where accept(2) writes the peer's address, for `deny`. */
const peer = new Native(SOCKADDR_SIZE);
const peerLength = new Native(8);

/** Accepts until nothing waits, for at most ACCEPTS_PER_TURN connections a turn. */
export class StreamListener<S> implements Listener, Accepting, Source {
  readonly #core: ReadinessCore;
  readonly #socket: Socket;
  readonly #options: ListenerOptions<S>;
  #retry: Timer | undefined;
  /** From the first accept that failed for want of something until none waits; reported once. */
  #exhausted = false;
  /** The last new connection could not be watched; reported once. */
  #refusing = false;
  #watched = false;
  #closed = false;

  /** Owns the socket from now on. @throws OSError when it can't be watched */
  constructor(core: ReadinessCore, socket: Socket, options: ListenerOptions<S>) {
    this.#core = core;
    this.#socket = socket;
    this.#options = options;
    try {
      // Accepted sockets inherit both: an option each would be two more system calls for a connection.
      socket.setNoDelay(true);
      socket.setKeepAlive(true);
      core.selector.register(socket, EVENT_READ, this);
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#watched = true;
    core.listeners.add(this);
  }

  ready(): void {
    const { slots } = this.#core;
    for (let i = 0; i < ACCEPTS_PER_TURN && !this.#closed; i++) {
      const fd = this.#accept();
      if (fd >= 0) {
        this.#admit(Socket.fromFd(fd));
        continue;
      }
      const error = errno();
      if (error === ERRNO.EAGAIN) {
        if (i === 0) slots[COUNTER.spurious]!++;
        this.#exhausted = false;
        return;
      }
      if (error !== ERRNO.EINTR) this.#core.counters.countError(error);
      const failure = new OSError(error, "accept4", "accept a connection");
      if (BROKEN.has(error)) throw failure;
      if (EXHAUSTED.has(error)) return this.#pause(failure);
    }
  }

  #accept(): number {
    if (!this.#options.deny) return acceptFd(this.#socket.fileno());
    peerLength.int32[0] = SOCKADDR_SIZE;
    return acceptFd(this.#socket.fileno(), peer.pointer, peerLength.pointer);
  }

  #admit(socket: Socket): void {
    let stream: Stream<S> | undefined;
    try {
      stream = this.#streamOf(socket);
    } finally {
      if (!stream) socket.close(); // refused, or something was thrown
    }
    if (!stream) return;
    this.#core.add(stream);
    const failure = stream.start();
    if (failure && !this.#refusing) this.#options.refused?.(failure);
    this.#refusing = failure !== undefined;
  }

  /** The new connection's stream, or undefined when it is refused. */
  #streamOf(socket: Socket): Stream<S> | undefined {
    const { slots } = this.#core;
    const { handler, state, admit, deny } = this.#options;
    slots[COUNTER.accepted]!++;
    if (deny?.(unpackAddress(peer.view, peerLength.int32[0]!))) slots[COUNTER.denied]!++;
    else if (admit && !admit()) slots[COUNTER.rejected]!++;
    else return new Stream(this.#core, socket, handler, state(), false);
    return undefined;
  }

  #pause(error: OSError): void {
    if (this.#watched) this.#core.selector.unregister(this.#socket);
    this.#watched = false;
    this.#retry?.cancel();
    this.#retry = this.#core.after(PAUSE_MS, () => this.resume());
    if (this.#exhausted) return;
    this.#exhausted = true;
    this.#core.slots[COUNTER.acceptPauses]!++;
    this.#options.paused?.(error);
  }

  /** Goes on accepting; called when a connection closes. What can't be watched is tried again later. */
  resume(): void {
    if (this.#watched || this.#closed) return;
    try {
      this.#core.selector.register(this.#socket, EVENT_READ, this);
    } catch (error) {
      return this.#pause(error as OSError);
    }
    this.#retry?.cancel();
    this.#watched = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#retry?.cancel();
    if (this.#watched) this.#core.selector.unregister(this.#socket);
    this.#socket.close();
    this.#core.listeners.delete(this);
  }
}
