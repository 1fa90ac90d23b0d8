/**
 * The handoff: a connection that is ready leaves the loop for code that wants a blocking socket, and
 * comes back.
 *
 * (1) It is released from the engine, (2) made blocking, (3) worked on elsewhere, (4) made non-blocking,
 * (5) adopted again. It is in one place at a time, and the loop reads nothing of it, so bytes that arrive
 * meanwhile wait in the kernel; those that a handler puts back travel with it.
 */
import {
  type Connection,
  COUNTER,
  type Engine,
  type Handler,
  type Released,
} from "../../engine/mod.ts";
import type { OSError } from "../../net/mod.ts";
import { resetShared } from "../../engine/reset.ts";
import { SHUT_RDWR } from "../../sys/constants.ts";
import { codeName, ERRNO } from "../../sys/errno.ts";
import { c, closeFd, setNonBlocking } from "../../sys/posix.ts";
import { peek, unreadBytes } from "../../sys/socket/sockets.ts";
import { briefDuration } from "../../text/words.ts";
import { ServiceHandler, type Session } from "../connection.ts";
import type { ServeOptions } from "../options.ts";
import { afterRunning } from "../running_time.ts";
import { SERVE_COUNTER } from "../stats.ts";
import type { Executor, Lease, Outcome } from "./executor.ts";

type Peer = Connection<Session>;

/** Before the next try, when it is not known whether the last one was of any use. */
const UNSURE_MS = 100;

/** Between two looks whether what has arrived was handed over. */
const LOOK_MS = 10;

const NOTHING = new Uint8Array(new ArrayBuffer(0));

export interface HandoffCallbacks {
  /** Puts the server's other layers around a handler. */
  wrap(handler: Handler<Session>): Handler<Session>;
  closed(session: Session): void;
  failed(message: string, errno: number): void;
  nextConnection(): number;
  handing(peer: string, worker: number): void;
  cameBack(peer: string, worker: number): void;
}

/** A lease with what is needed when it ends. */
interface Held {
  readonly lease: Lease;
  readonly session: Session;
  /** How many bytes there were to receive, those that travel with it included. */
  readonly unread: number;
  timer: { cancel(): void } | undefined;
}

/** A server's handler that answers nothing itself. */
export class Handoff implements Handler<Session> {
  /** This, with everything around it. */
  readonly handler: Handler<Session>;
  /** For connections that are closed in order: what the peer still sends is read and discarded. */
  readonly #ending: ServiceHandler;
  readonly #endingHandler: Handler<Session>;
  readonly #engine: Engine;
  readonly #executor: Executor;
  readonly #options: ServeOptions;
  readonly #callbacks: HandoffCallbacks;
  /** Ready, in order, unread: no worker is free for them. */
  #waiting: { readonly peer: Peer; readonly ticket: number; readonly ended: boolean }[] = [];
  readonly #held = new Map<Lease, Held>();

  constructor(
    engine: Engine,
    executor: Executor,
    options: ServeOptions,
    callbacks: HandoffCallbacks,
  ) {
    this.#engine = engine;
    this.#executor = executor;
    this.#options = options;
    this.#callbacks = callbacks;
    this.handler = callbacks.wrap(this);
    const discard = { ...options, service: "discard", idleMs: 0 };
    this.#ending = new ServiceHandler(engine, discard, callbacks.closed);
    this.#endingHandler = callbacks.wrap(this.#ending);
  }

  get active(): number {
    return this.#held.size;
  }

  open(peer: Peer): void {
    peer.state.details().peer ||= peer.peerName;
    peer.state.details().number = this.#callbacks.nextConnection();
    this.#watchIdle(peer);
  }

  ready(peer: Peer, ended: boolean): void {
    const details = peer.state.details();
    details.timer?.cancel();
    // There is nothing to work on: a program that was started for that would answer once more.
    if (ended && details.handoffs > 0 && !this.#executor.seesEnd) return peer.close();
    this.#waiting.push({ peer, ended, ticket: this.#executor.nextTicket() });
    this.#pump();
    if (!peer.closed) peer.pause(); // no worker is free: (1) already, so that it does not wake the loop
  }

  data(): void {}
  writable(): void {}
  end(): void {}

  close(peer: Peer): void {
    peer.state.details().timer?.cancel();
    peer.state.details().timer = undefined;
    this.#callbacks.closed(peer.state);
  }

  /** Takes back what has ended, and hands over what waits; to be called after every turn. */
  collect(): void {
    this.#executor.collect((lease, outcome) => this.#finished(lease, outcome));
    this.#pump();
  }

  cut(): void {
    this.#waiting = [];
    this.#executor.waiting(0);
    for (const held of [...this.#held.values()]) this.#cut(held);
    this.#executor.close();
  }

  #pump(): void {
    for (;;) {
      const first = this.#waiting[0];
      if (first?.peer.closed) {
        this.#waiting.shift();
        continue;
      }
      // Before the question: a worker that becomes free in between must know that a connection waits.
      this.#executor.waiting(first?.ticket ?? 0);
      const worker = first && this.#executor.claim();
      if (worker === undefined) return;
      this.#waiting.shift();
      this.#hand(first!.peer, first!.ended, worker);
    }
  }

  #hand(peer: Peer, ended: boolean, worker: number): void {
    const session = peer.state;
    const released = this.#engine.release(peer);
    const { fd, bytes } = released;
    const details = session.details();
    details.handoffs++;
    details.sawEnd = ended || (bytes.length > 0 && peek(fd) === "ended");
    const { number: connection, handoffs: handoff, peer: name } = details;
    const lease: Lease = { ...released, connection, handoff, peer: name, worker };
    const unread = unreadBytes(fd) + bytes.length;
    const held: Held = { lease, session, unread, timer: undefined };
    this.#held.set(lease, held);
    const { slots } = this.#engine.counters;
    slots[SERVE_COUNTER.handoffs]!++;
    slots[SERVE_COUNTER.leases]!++;
    this.#callbacks.handing(name, worker + 1);
    const { leaseMs } = this.#options.handoff!;
    if (leaseMs > 0) held.timer = afterRunning(this.#engine, leaseMs, () => this.#expire(held));
    const failure = this.#executor.start(lease);
    if (failure) this.#finished(lease, failure);
  }

  /** Back to the loop; undefined when it can't be: a handler that closes numbers may have closed its own. */
  #take(held: Held): Session | undefined {
    held.timer?.cancel();
    this.#held.delete(held.lease);
    this.#engine.counters.slots[SERVE_COUNTER.leases]!--;
    try {
      setNonBlocking(held.lease.fd, true);
      return held.session;
    } catch (error) {
      const { message, errno } = error as OSError;
      this.#report(held.session, message, errno);
      this.#callbacks.closed(held.session);
      if (errno === ERRNO.EBADF) return undefined;
      c.shutdown(held.lease.fd, SHUT_RDWR);
      closeFd(held.lease.fd);
      return undefined;
    }
  }

  #finished(lease: Lease, outcome: Outcome): void {
    const held = this.#held.get(lease)!;
    const session = this.#take(held);
    if (!session) return;
    this.#callbacks.cameBack(session.details().peer, lease.worker + 1);
    if (outcome.kind === "untouched") {
      session.details().handoffs--;
      this.#adopt(lease, this.handler, session); // it is ready, and comes again
    } else if (outcome.kind === "failed") {
      this.#report(session, outcome.message, outcome.errno);
      if (outcome.died) this.#reset(lease);
      this.#close(lease, session);
    } else if (outcome.kind === "close") this.#close(lease, session);
    else this.#keep(held, outcome.bytes, outcome.taken);
  }

  #keep({ lease, session, unread }: Held, bytes: Uint8Array, taken?: number): void {
    const { fd } = lease;
    const next = peek(fd);
    if (typeof next === "number") {
      this.#report(session, codeName(next), next);
      return this.#close(lease, session);
    }
    const { length } = bytes;
    // Nothing more comes: a handler that has seen that, or can't, has no further call.
    const isOver = next === "ended" && length === 0 && !this.#executor.seesEnd;
    const wasOver = next === "ended" && session.details().sawEnd && (length === 0 || taken === 0);
    // What was of no use would be ready again at once, and again, for ever.
    const isIgnored = next === "unread" && taken === 0 && length === 0;
    if (isOver || wasOver || isIgnored) return this.#close(lease, session);
    const waits = next === "nothing" && taken === 0; // all was put back, until there is more
    const peer = this.#adopt({ ...lease, bytes, waits }, this.handler, session);
    this.#watchIdle(peer);
    const isPutBack = taken === 0 && unreadBytes(fd) + length <= unread;
    if (next !== "unread" || peer.closed || (taken !== undefined && !isPutBack)) return;
    // Nothing has arrived since, or it is not known whether anything was taken.
    peer.pause();
    this.#engine.after(UNSURE_MS, () => peer.resume());
  }

  #report(session: Session, message: string, errno: number): void {
    if (errno > 0) this.#engine.counters.countError(errno);
    this.#callbacks.failed(`The handler failed on ${session.details().peer}: ${message}`, errno);
  }

  /**
   * Closes in order. With unread input that would be a reset, which can destroy the answer on its way:
   * so FIN first, and what the peer still sends is read and discarded for a while.
   */
  #close(lease: Lease, session: Session): void {
    const unread = peek(lease.fd) === "unread";
    const peer = this.#adopt({ ...lease, bytes: NOTHING }, this.#endingHandler, session);
    if (unread) this.#ending.end(peer);
    else peer.close();
  }

  #adopt(released: Released, handler: Handler<Session>, session: Session): Peer {
    const { shares: shared } = this.#executor;
    return this.#engine.adopt({ ...released, shared }, handler, session);
  }

  #expire(held: Held): void {
    this.collect(); // it may have come back in this very turn
    if (!this.#held.has(held.lease)) return;
    const { leaseMs } = this.#options.handoff!;
    this.#callbacks.failed(
      `The handler of ${held.session.details().peer} took longer than the lease of ` +
        briefDuration(leaseMs),
      0,
    );
    this.#cut(held);
    this.#pump();
  }

  /** What has been answered may be a part, and must not look whole. */
  #reset({ fd }: Lease): void {
    resetShared(fd);
    this.#engine.counters.slots[COUNTER.cut]!++;
  }

  /** Ends the connection wherever it is. */
  #cut(held: Held): void {
    this.#reset(held.lease);
    this.#executor.abandon(held.lease);
    const session = this.#take(held);
    if (session) {
      this.#adopt({ ...held.lease, bytes: NOTHING }, this.#endingHandler, session).close();
    }
  }

  #watchIdle(peer: Peer): void {
    const { idleMs } = this.#options;
    if (idleMs === 0 || peer.closed) return;
    const check = () => {
      if (peer.unread === 0) peer.close();
      else peer.state.details().timer = this.#engine.after(LOOK_MS, check); // it is handed over first
    };
    peer.state.details().timer = this.#engine.after(idleMs, check);
  }
}
