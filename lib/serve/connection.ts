/** One connection's life on the server: service, water marks, half-close, idle and fin timeouts. */
import type { Connection, Engine, Handler, Timer } from "../engine/mod.ts";
import type { OSError } from "../net/mod.ts";
import type { AddressKey } from "./address_counts.ts";
import type { ServeOptions } from "./options.ts";
import { type Service, SERVICES } from "./services.ts";

/** What the server remembers of a connection. */
export class Session {
  /** When bytes last moved, on the engine's clock. Kept only while `timer` looks at it. */
  active = 0;
  /** When the peer last sent something that was discarded because our side has ended. */
  heard = 0;
  /** How much the peer had acknowledged, on some scale, when that was last looked at. */
  taken = 0;
  /** Our side ends once all is sent. */
  finishing = false;
  /** Too much output is queued; the peer is not read until it has taken some. */
  throttled = false;
  /** Where a service with a source goes on. */
  position = 0;
  /** Set for idle connections and for those that must end soon. */
  timer: Timer | undefined;
  /** For the trace: asked once, as a closed connection can't be asked. */
  peer = "";
  /** With a handoff: which connection of the server it is, and how often it was handed over. */
  number = 0;
  handoffs = 0;
  /** The last time it was handed over, the peer had sent all that it will. */
  sawEnd = false;
  /** What its address is counted by; see Admission. */
  addressKey: AddressKey | undefined;
}

type Peer = Connection<Session>;

/** Lingering ends when the peer has sent nothing for so long: nginx's lingering_timeout. */
const LINGER_IDLE_MS = 5_000;

/** Bytes of a service's source per turn of the loop and connection. */
const SOURCE_BUDGET = 64 * 1024;

/** Runs a service over connections. */
export class ServiceHandler implements Handler<Session> {
  readonly #engine: Engine;
  readonly #service: Service;
  readonly #idleMs: number;
  readonly #finMs: number;
  /** At half of the buffer a peer is no longer read, at a quarter it is read again. */
  readonly #high: number;
  readonly #low: number;
  readonly #closed: (session: Session) => void;

  constructor(engine: Engine, options: ServeOptions, closed: (session: Session) => void) {
    this.#engine = engine;
    this.#service = SERVICES[options.service]!;
    this.#idleMs = options.idleMs;
    this.#finMs = options.finMs;
    this.#high = options.maxBuffer / 2;
    this.#low = options.maxBuffer / 4;
    this.#closed = closed;
  }

  open(peer: Peer): void {
    this.#closeWhenQuiet(peer, this.#idleMs);
    const greeting = this.#service.greeting?.();
    if (greeting) {
      peer.send(greeting);
      this.#finish(peer);
    }
    if (this.#service.source) this.#pump(peer);
  }

  data(peer: Peer, bytes: Uint8Array): void {
    const session = peer.state;
    if (session.finishing) {
      // `active` stays: a peer that goes on sending must not keep the connection open for ever.
      if (session.timer) session.heard = this.#engine.now;
    } else if (this.#idleMs > 0) session.active = this.#engine.now;
    const answer = this.#service.answer(bytes);
    if (answer !== null && peer.send(answer) >= this.#high) {
      session.throttled = true;
      peer.pause();
    }
  }

  writable(peer: Peer): void {
    const session = peer.state;
    if (session.timer) session.active = this.#engine.now;
    if (session.throttled && peer.queued <= this.#low) {
      session.throttled = false;
      peer.resume();
    }
    if (this.#service.source && peer.queued === 0) this.#pump(peer);
  }

  /** Every byte that came before the peer's FIN is answered before ours; then the connection closes. */
  end(peer: Peer): void {
    this.#finish(peer);
  }

  close(peer: Peer, _error: OSError | null): void {
    peer.state.timer?.cancel();
    peer.state.timer = undefined;
    this.#closed(peer.state);
  }

  /**
   * Ends our side once all is sent, and bounds how long the peer may take for its part. What it still
   * sends is read and discarded: to close with unread input would send RST, which can destroy the answer
   * on its way (RFC 1122 4.2.2.13, a "lingering close").
   */
  #finish(peer: Peer): void {
    if (peer.state.finishing) return; // the peer's FIN after ours
    peer.state.finishing = true;
    peer.end();
    this.#closeWhenQuiet(peer, this.#finMs);
  }

  /** Sends from the service's source until something is queued or the budget of this turn is used. */
  #pump(peer: Peer): void {
    const session = peer.state;
    for (let budget = SOURCE_BUDGET; budget > 0;) {
      if (peer.closed || session.finishing) return;
      if (session.timer) session.active = this.#engine.now;
      const { bytes, next } = this.#service.source!(session.position, this.#high);
      session.position = next;
      if (peer.send(bytes) > 0) return; // `writable` goes on
      budget -= bytes.length;
    }
    this.#engine.after(0, () => this.#pump(peer));
  }

  /**
   * Closes a connection on which no byte has moved for `quietMs`; 0 leaves it open for ever. What has
   * arrived is read first, and what the peer acknowledges has moved: `send` filled the kernel's buffer
   * long before that.
   */
  #closeWhenQuiet(peer: Peer, quietMs: number): void {
    const session = peer.state;
    session.timer?.cancel();
    session.timer = undefined;
    if (quietMs === 0 || peer.closed) return;
    session.active = session.heard = this.#engine.now;
    const due = () => {
      const quiet = session.active + quietMs;
      const isTaken = peer.queued === 0 && peer.unacknowledged === 0;
      // The peer has all, and has not ended: else the connection would be over.
      if (!session.finishing || !isTaken) return quiet;
      return Math.min(quiet, Math.max(session.active, session.heard) + LINGER_IDLE_MS);
    };
    // No event reports an acknowledgement: it is looked for.
    const wait = () =>
      Math.min(due() - this.#engine.now, session.finishing ? LINGER_IDLE_MS : Infinity);
    let wasUnread = false;
    const check = () => {
      const { now } = this.#engine;
      if (due() <= now) session.active = Math.max(session.active, this.#takenAt(peer, now));
      const isOver = due() <= now;
      // Once: a peer that goes on sending to a side that has ended must not keep it open for ever.
      const isUnread = isOver && !wasUnread && peer.unread > 0;
      wasUnread = isUnread;
      if (isOver && !isUnread) peer.close();
      else session.timer = this.#engine.after(isUnread ? 0 : wait(), check);
    };
    session.timer = this.#engine.after(wait(), check);
  }

  /**
   * When the peer last acknowledged something, if it has since the last time this was asked, else 0. At
   * the latest: acknowledged may have been no more than a probe since.
   */
  #takenAt(peer: Peer, now: number): number {
    const session = peer.state;
    const info = peer.transportInfo();
    const left = peer.queued + peer.unacknowledged;
    const taken = info ? info.acknowledgedBytes : -left;
    const hasMoved = taken > session.taken && (info !== null || left > 0);
    session.taken = taken;
    return hasMoved ? now - (info?.lastAckMs ?? 0) : 0;
  }
}
