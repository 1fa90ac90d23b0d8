/** One connection's life on the server: service, water marks, half-close, idle and fin timeouts. */
import type { Connection, Engine, Handler, Timer } from "../engine/mod.ts";
import type { OSError } from "../net/mod.ts";
import type { AddressKey } from "./address_counts.ts";
import type { ServeOptions } from "./options.ts";
import { type Service, SERVICES } from "./services.ts";

/**
 * What the server remembers of a connection; most of them never need more than this. On Bun more than three
 * fields would take 64 bytes instead of 48, and so would a getter: it counts as a field that may come.
 */
export class Session {
  /** Our side ends once all is sent. */
  finishing = false;
  /** Set for connections that are closed when they are quiet. */
  quiet: Quiet | undefined = undefined;
  #details: Details | undefined = undefined;

  /** Made when it is first asked for. */
  details(): Details {
    return this.#details ??= new Details();
  }

  /** What its address is counted by; see Admission. */
  addressKey(): AddressKey | undefined {
    return this.#details?.addressKey;
  }
}

/** What the trace, a handoff, a limit of addresses, a slow peer or a service with a source needs. */
class Details {
  /** What its address is counted by. */
  addressKey: AddressKey | undefined = undefined;
  /** Asked once, as a closed connection can't be asked. */
  peer = "";
  /** With a handoff: which connection of the server it is, and how often it was handed over. */
  number = 0;
  handoffs = 0;
  /** The last time it was handed over, the peer had sent all that it will. */
  sawEnd = false;
  /** Closes it when it is idle. */
  timer: Timer | undefined = undefined;
  /** Too much output is queued; the peer is not read until it has taken some. */
  throttled = false;
  /** Where a service with a source goes on. */
  position = 0;
}

/** Below all amounts. */
const UNKNOWN = -Infinity;

/** A connection that is closed when no byte has moved for a while: times are on the engine's clock. */
class Quiet {
  readonly ms: number;
  /** When bytes last moved. */
  active: number;
  /** When the peer last sent something that was discarded because our side has ended. */
  heard: number;
  /** How much the peer had taken, on some scale, when that was last looked at; unknown since bytes moved. */
  taken = UNKNOWN;
  /** It was over, and something had arrived and was not read. */
  wasUnread = false;
  timer: Timer | undefined = undefined;

  constructor(ms: number, now: number) {
    this.ms = ms;
    this.active = this.heard = now;
  }

  moved(now: number): void {
    this.active = now;
    this.taken = UNKNOWN;
  }
}

type Peer = Connection<Session>;

/** Lingering ends when the peer has sent nothing for so long: nginx's lingering_timeout. */
const LINGER_IDLE_MS = 5_000;

/** Bytes of a service's source per turn of the loop and connection. */
const SOURCE_BUDGET = 64 * 1024;

export class ServiceHandler implements Handler<Session> {
  readonly #engine: Engine;
  readonly #service: Service;
  readonly #idleMs: number;
  readonly #finMs: number;
  /** At half of the buffer a peer is no longer read, at a quarter it is read again. */
  readonly #high: number;
  readonly #low: number;
  readonly #closed: (session: Session) => void;
  /** How many connections are closed when they are quiet; while there is none, no session is looked at. */
  #watched = 0;

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
    if (this.#watched > 0) this.#moved(peer.state);
    const answer = this.#service.answer(bytes);
    if (answer === null || peer.send(answer) < this.#high) return;
    peer.state.details().throttled = true; // the engine's own mark knows nothing of what faults hold back
    peer.pause();
  }

  writable(peer: Peer): void {
    const { quiet } = peer.state, details = peer.state.details();
    quiet?.moved(this.#engine.now);
    if (details.throttled && peer.queued <= this.#low) {
      details.throttled = false;
      peer.resume();
    }
    if (this.#service.source && peer.queued === 0) this.#pump(peer);
  }

  /** Something was received. */
  #moved({ quiet, finishing }: Session): void {
    if (!quiet) return;
    // `active` stays: a peer that goes on sending must not keep the connection open for ever.
    if (finishing) quiet.heard = this.#engine.now;
    else quiet.moved(this.#engine.now);
  }

  /** Every byte that came before the peer's FIN is answered before ours; then the connection closes. */
  end(peer: Peer): void {
    this.#finish(peer);
  }

  close(peer: Peer, _error: OSError | null): void {
    this.#forget(peer.state);
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
      session.quiet?.moved(this.#engine.now);
      const details = session.details();
      const { bytes, next } = this.#service.source!(details.position, this.#high);
      details.position = next;
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
    this.#forget(peer.state);
    if (quietMs === 0 || peer.closed) return;
    const quiet = peer.state.quiet = new Quiet(quietMs, this.#engine.now);
    this.#watched++;
    this.#lookIn(peer, quiet, this.#restOf(peer, quiet));
  }

  #forget(session: Session): void {
    if (!session.quiet) return;
    session.quiet.timer?.cancel();
    session.quiet = undefined;
    this.#watched--;
  }

  #lookIn(peer: Peer, quiet: Quiet, ms: number): void {
    quiet.timer = this.#engine.after(ms, () => this.#look(peer, quiet));
  }

  /** When it is over if nothing moves. */
  #due(peer: Peer, { active, heard, ms }: Quiet): number {
    const isTaken = peer.queued === 0 && peer.unacknowledged === 0;
    // The peer has all, and has not ended: else the connection would be over.
    if (!peer.state.finishing || !isTaken) return active + ms;
    return Math.min(active + ms, Math.max(active, heard) + LINGER_IDLE_MS);
  }

  /** No event reports an acknowledgement: it is looked for. */
  #restOf(peer: Peer, quiet: Quiet): number {
    const most = peer.state.finishing ? LINGER_IDLE_MS : Infinity;
    return Math.min(this.#due(peer, quiet) - this.#engine.now, most);
  }

  #look(peer: Peer, quiet: Quiet): void {
    const { now } = this.#engine;
    if (this.#due(peer, quiet) <= now) {
      quiet.active = Math.max(quiet.active, this.#takenAt(peer, quiet, now));
    }
    const isOver = this.#due(peer, quiet) <= now;
    // Once: a peer that goes on sending to a side that has ended must not keep it open for ever.
    const isUnread = isOver && !quiet.wasUnread && peer.unread > 0;
    quiet.wasUnread = isUnread;
    if (isOver && !isUnread) peer.close();
    else this.#lookIn(peer, quiet, isUnread ? 0 : this.#restOf(peer, quiet));
  }

  /**
   * When the peer last took something, if it has since the last time this was asked, or may have, else 0. At
   * the latest: on TCP, acknowledged may have been no more than a probe since.
   */
  #takenAt(peer: Peer, quiet: Quiet, now: number): number {
    const info = peer.transportInfo();
    const left = peer.queued + peer.unacknowledged;
    const before = quiet.taken;
    quiet.taken = info ? info.acknowledgedBytes : -left;
    const hasNothing = info === null && left === 0 && before === UNKNOWN;
    return quiet.taken > before && !hasNothing ? now - (info?.lastAckMs ?? 0) : 0;
  }
}
