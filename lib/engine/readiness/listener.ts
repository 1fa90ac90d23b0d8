/** A listening socket of the readiness engine, and what to do when nothing more can be accepted. */
import { OSError, Socket } from "../../net/mod.ts";
import { EVENT_READ } from "../../selectors/mod.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { Native } from "../../sys/ffi.ts";
import { SOCKADDR_SIZE, unpackAddress } from "../../sys/sockaddr.ts";
import { acceptFd } from "../../sys/sockets.ts";
import { COUNTER } from "../counters.ts";
import type { Listener, ListenerOptions } from "../engine.ts";
import type { ReadinessEngine, Source } from "./readiness.ts";
import { Stream } from "./stream.ts";
import type { Timer } from "../timers.ts";

/** Connections accepted per wake-up, so that a flood of newcomers does not starve the others. */
const ACCEPTS_PER_TURN = 64;
const PAUSE_MS = 100;

/** Nothing can be accepted until something is given back: waiting for readiness would spin. */
const EXHAUSTED = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"].map((code) => ERRNO[code]));
/** The listener itself is broken; anything else concerns one connection, and the next may be fine. */
const BROKEN = new Set(
  ["EBADF", "EINVAL", "ENOTSOCK", "EOPNOTSUPP", "EFAULT"].map((code) => ERRNO[code]),
);

/** Where accept(2) writes who has connected, for those who ask. */
const peer = new Native(SOCKADDR_SIZE);
const peerLength = new Native(8);

/** Accepts until nothing waits, for at most ACCEPTS_PER_TURN connections a turn. */
export class StreamListener<S> implements Listener, Source {
  readonly #engine: ReadinessEngine;
  readonly #socket: Socket;
  readonly #options: ListenerOptions<S>;
  #retry: Timer | undefined;
  /** From the first accept that failed for want of something until nobody waits; told once. */
  #exhausted = false;
  /** The last newcomer could not be watched; told once. */
  #refusing = false;
  #watched = false;
  #closed = false;

  constructor(engine: ReadinessEngine, socket: Socket, options: ListenerOptions<S>) {
    this.#engine = engine;
    this.#socket = socket;
    this.#options = options;
    this.resume();
  }

  ready(): void {
    const { slots } = this.#engine;
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
      if (error !== ERRNO.EINTR) this.#engine.counters.countError(error);
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
    const { slots } = this.#engine;
    const { handler, state, admit, deny } = this.#options;
    slots[COUNTER.accepted]!++;
    if (deny?.(unpackAddress(peer.view, peerLength.int32[0]!))) {
      slots[COUNTER.denied]!++;
      socket.close();
      return;
    }
    if (admit && !admit()) {
      slots[COUNTER.rejected]!++;
      socket.close();
      return;
    }
    socket.setNoDelay(true);
    const failure = this.#engine.begin(new Stream(this.#engine, socket, handler, state(), false));
    if (failure && !this.#refusing) this.#options.refused?.(failure);
    this.#refusing = failure !== undefined;
  }

  #pause(error: OSError): void {
    this.#engine.poller.unregister(this.#socket);
    this.#watched = false;
    this.#retry = this.#engine.after(PAUSE_MS, () => this.resume());
    if (this.#exhausted) return;
    this.#exhausted = true;
    this.#engine.slots[COUNTER.acceptPauses]!++;
    this.#options.paused?.(error);
  }

  /** Goes on accepting; the engine calls this when a connection closes. */
  resume(): void {
    if (this.#watched || this.#closed) return;
    this.#retry?.cancel();
    this.#watched = true;
    this.#engine.poller.register(this.#socket, EVENT_READ, this);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#retry?.cancel();
    if (this.#watched) this.#engine.poller.unregister(this.#socket);
    this.#socket.close();
    this.#engine.forget(this);
  }
}
