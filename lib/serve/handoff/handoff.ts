/**
 * The handoff: a connection that is ready leaves the loop for code that wants a blocking socket, and
 * comes back.
 *
 * (1) It is released from the engine, (2) made blocking, (3) worked on elsewhere, (4) made non-blocking,
 * (5) adopted again. It is in one place at a time, and the loop reads nothing of it, so bytes that arrive
 * meanwhile wait in the kernel; those that a handler puts back travel with it.
 */
import type { Connection, Engine, Handler, Released } from "../../engine/mod.ts";
import { SHUT_RDWR } from "../../sys/constants.ts";
import { codeName } from "../../sys/errno.ts";
import { c, setNonBlocking } from "../../sys/posix.ts";
import { peek } from "../../sys/sockets.ts";
import { ServiceHandler, type Session } from "../connection.ts";
import type { ServeOptions } from "../options.ts";
import { HANDOFF_COUNTER } from "../stats.ts";
import type { Executor, Lease, Outcome } from "./executor.ts";

type Peer = Connection<Session>;

/** Before the next try, when it is not known whether the last one was of any use. */
const UNSURE_MS = 100;

/** What a handoff needs of its server. */
export interface HandoffHelp {
  /** Puts the server's other layers around a handler. */
  wrap(handler: Handler<Session>): Handler<Session>;
  closed(session: Session): void;
  failed(message: string, errno: number): void;
  nextConnection(): number;
  handing?(peer: string, worker: number): void;
  cameBack?(peer: string, worker: number): void;
}

/** A lease with what is needed when it ends. */
interface Held {
  readonly lease: Lease;
  readonly session: Session;
  timer: { cancel(): void } | undefined;
}

/** A server's handler that answers nothing itself. */
export class Handoff implements Handler<Session> {
  /** This, with everything around it. */
  readonly handler: Handler<Session>;
  /** For connections that are closed in order: what the peer still sends is read and forgotten. */
  readonly #ending: ServiceHandler;
  readonly #farewell: Handler<Session>;
  readonly #engine: Engine;
  readonly #place: Executor;
  readonly #options: ServeOptions;
  readonly #help: HandoffHelp;
  /** Ready, in order, unread: nobody is free for them. */
  #waiting: { readonly peer: Peer; readonly ticket: number; readonly ended: boolean }[] = [];
  readonly #held = new Map<Lease, Held>();

  constructor(engine: Engine, place: Executor, options: ServeOptions, help: HandoffHelp) {
    this.#engine = engine;
    this.#place = place;
    this.#options = options;
    this.#help = help;
    this.handler = help.wrap(this);
    const discard = { ...options, service: "discard", idleMs: 0 };
    this.#ending = new ServiceHandler(engine, discard, help.closed);
    this.#farewell = help.wrap(this.#ending);
  }

  /** How many connections are out of the loop. */
  get active(): number {
    return this.#held.size;
  }

  open(peer: Peer): void {
    peer.state.peer ||= peer.peerName;
    peer.state.number = this.#help.nextConnection();
    this.#watchIdle(peer);
  }

  ready(peer: Peer, ended: boolean): void {
    peer.state.timer?.cancel();
    this.#waiting.push({ peer, ended, ticket: this.#place.nextTicket() });
    this.#pump();
    if (!peer.closed) peer.pause(); // nobody is free: (1) already, so that it does not wake the loop
  }

  data(): void {}
  writable(): void {}
  end(): void {}

  close(peer: Peer): void {
    peer.state.timer?.cancel();
    peer.state.timer = undefined;
    this.#help.closed(peer.state);
  }

  /** Takes back what has ended, and hands over what waits; to be called after every turn. */
  collect(): void {
    this.#place.collect((lease, outcome) => this.#finished(lease, outcome));
    this.#pump();
  }

  /** Cuts everything that is out of the loop. */
  cut(): void {
    this.#waiting = [];
    this.#place.waiting(0);
    for (const held of [...this.#held.values()]) this.#cut(held);
    this.#place.close();
  }

  #pump(): void {
    for (;;) {
      const first = this.#waiting[0];
      if (first?.peer.closed) {
        this.#waiting.shift();
        continue;
      }
      // Said before anybody is asked: who becomes free in between must know that we wait.
      this.#place.waiting(first?.ticket ?? 0);
      const worker = first && this.#place.claim();
      if (worker === undefined) return;
      this.#waiting.shift();
      this.#hand(first!.peer, first!.ended, worker);
    }
  }

  #hand(peer: Peer, ended: boolean, worker: number): void {
    const session = peer.state;
    const released = this.#engine.release(peer);
    session.handoffs++;
    session.sawEnd = ended || (released.bytes.length > 0 && peek(released.fd) === "ended");
    setNonBlocking(released.fd, false);
    const { number: connection, handoffs: handoff, peer: name } = session;
    const lease: Lease = { ...released, connection, handoff, peer: name, worker };
    const held: Held = { lease, session, timer: undefined };
    this.#held.set(lease, held);
    const { slots } = this.#engine.counters;
    slots[HANDOFF_COUNTER.handoffs]!++;
    slots[HANDOFF_COUNTER.leases]!++;
    this.#help.handing?.(name, worker + 1);
    const { leaseMs } = this.#options.handoff!;
    if (leaseMs > 0) held.timer = this.#engine.after(leaseMs, () => this.#expire(held));
    const failure = this.#place.begin(lease);
    if (failure) this.#finished(lease, failure);
  }

  #take(held: Held): Session {
    held.timer?.cancel();
    this.#held.delete(held.lease);
    this.#engine.counters.slots[HANDOFF_COUNTER.leases]!--;
    setNonBlocking(held.lease.fd, true);
    return held.session;
  }

  #finished(lease: Lease, outcome: Outcome): void {
    const { fd, worker } = lease;
    const session = this.#take(this.#held.get(lease)!);
    this.#help.cameBack?.(session.peer, worker + 1);
    if (outcome.kind === "untouched") {
      session.handoffs--;
      this.#engine.adopt(lease, this.handler, session); // it is ready, and comes again
    } else if (outcome.kind === "failed") {
      this.#fail(lease, session, outcome.message, outcome.errno);
    } else if (outcome.kind === "close") this.#close(lease, session);
    else this.#keep({ fd, bytes: outcome.bytes }, session, outcome.taken);
  }

  #keep(released: Released, session: Session, taken: number | undefined): void {
    const { length } = released.bytes;
    const next = peek(released.fd);
    if (typeof next === "number") return this.#fail(released, session, codeName(next), next);
    // Nothing more comes: who has been told of that, or can't be, has no further call.
    const isOver = next === "ended" && length === 0 && !this.#place.seesEnd;
    const wasOver = next === "ended" && session.sawEnd && (length === 0 || taken === 0);
    // What was of no use would be ready again at once, and again, for ever.
    const isIgnored = next === "unread" && taken === 0;
    if (isOver || wasOver || isIgnored) return this.#close(released, session);
    const waits = next === "nothing" && taken === 0; // all was put back, until there is more
    const peer = this.#engine.adopt({ ...released, waits }, this.handler, session);
    this.#watchIdle(peer);
    if (next !== "unread" || taken !== undefined || peer.closed) return;
    peer.pause();
    this.#engine.after(UNSURE_MS, () => peer.resume());
  }

  #fail({ fd }: Released, session: Session, message: string, errno: number): void {
    if (errno > 0) this.#engine.counters.countError(errno);
    this.#help.failed(`The handler failed on ${session.peer}: ${message}`, errno);
    this.#engine.adopt({ fd, bytes: NOTHING }, this.#farewell, session).close();
  }

  /**
   * Closes in order. With unread input that would be a reset, which can destroy the answer on its way:
   * so FIN first, and what the peer still sends is read and forgotten for a while.
   */
  #close({ fd }: Released, session: Session): void {
    const unread = peek(fd) === "unread";
    const peer = this.#engine.adopt({ fd, bytes: NOTHING }, this.#farewell, session);
    if (unread) this.#ending.end(peer);
    else peer.close();
  }

  #expire(held: Held): void {
    this.collect(); // it may have come back in this very turn
    if (!this.#held.has(held.lease)) return;
    const { leaseMs } = this.#options.handoff!;
    this.#help.failed(
      `The handler of ${held.session.peer} took longer than the lease of ${leaseMs} ms`,
      0,
    );
    this.#cut(held);
    this.#pump();
  }

  /** Ends the connection whoever has it: a handler that waits for its peer sees the end of the stream. */
  #cut(held: Held): void {
    c.shutdown(held.lease.fd, SHUT_RDWR);
    this.#place.abandon(held.lease);
    const session = this.#take(held);
    this.#engine.adopt({ ...held.lease, bytes: NOTHING }, this.#farewell, session).close();
  }

  #watchIdle(peer: Peer): void {
    const { idleMs } = this.#options;
    if (idleMs === 0 || peer.closed) return;
    peer.state.timer = this.#engine.after(idleMs, () => peer.close());
  }
}

const NOTHING = new Uint8Array(new ArrayBuffer(0));
