/**
 * TLS between an engine and a handler: the handler sees plaintext, and else what it always sees.
 *
 * `open` comes after the handshake, `end` with the peer's close_notify, and `end()` says close_notify
 * before FIN. Back-pressure is the engine's own: ciphertext queues below, `queued` counts it, and
 * `pause` stops receiving; nothing is held back here once the handshake is done.
 */
import type { Connection, Engine, Handler, Timer, TransportInfo } from "../engine/mod.ts";
import type { OSError } from "../net/mod.ts";
import { HANDSHAKE_MS, handshakeError, TlsError, truncated } from "./errors.ts";
import type { TlsEndpoint } from "./endpoint.ts";
import type { TlsInfo, TlsSession, TlsSink } from "./session.ts";

/** How long a peer that has ended the wrong way may take nothing of what was sent before. */
const LINGER_MS = 5_000;
/** Between two looks at that. */
const LOOK_MS = 500;

/** What connections of one kind have in common. */
export interface TlsSide<S> {
  readonly engine: Engine;
  readonly endpoint: TlsEndpoint;
  readonly handler: Handler<S>;
  /** A client's name or IP address for the server. */
  readonly serverName?: string;
  readonly accepted?: (connection: Connection<S>) => void;
}

type Transport = Connection<TlsConnection<any>>;

export class TlsConnection<S> implements Connection<S>, TlsSink {
  state: S;
  readonly #side: TlsSide<S>;
  #transport: Transport | undefined;
  #session: TlsSession | undefined;
  #secured = false;
  /** `end` was called; what it does may have to wait for the handshake. */
  #ending = false;
  #peerEnded = false;
  #paused = false;
  /** Sent before the handshake was done. */
  #early: Uint8Array[] = [];
  #error: TlsError | null = null;
  /** The handler has closed it: nothing more is given to it. */
  #left = false;
  #timer: Timer | undefined;

  constructor(side: TlsSide<S>, state: S) {
    this.#side = side;
    this.state = state;
  }

  /** Set when the engine has made one, which for a connect is before it is open. */
  set transport(transport: Transport) {
    this.#transport = transport;
  }

  /** The transport is open: the handshake has started. */
  get isConnected(): boolean {
    return this.#session !== undefined;
  }
  get queued(): number {
    return this.#earlyBytes + (this.#transport?.queued ?? 0);
  }
  get unsent(): number {
    return this.#earlyBytes + (this.#transport?.unsent ?? 0);
  }
  get #earlyBytes(): number {
    return this.#early.reduce((total, { length }) => total + length, 0);
  }
  get closed(): boolean {
    return this.#error !== null || (this.#transport?.closed ?? false);
  }
  /** Nothing is received any more: a transport that can't send may still have what came before. */
  get #over(): boolean {
    return this.#left || this.#error !== null;
  }
  get unacknowledged(): number {
    return this.#transport?.unacknowledged ?? 0;
  }
  get unread(): number {
    return this.#transport?.unread ?? 0;
  }
  get peerName(): string {
    return this.#transport?.peerName ?? "unknown";
  }
  /** What was agreed on; only while it is open. */
  get info(): TlsInfo {
    return this.#session!.info;
  }
  transportInfo(): TransportInfo | null {
    return this.#transport?.transportInfo() ?? null;
  }

  send(bytes: Uint8Array): number {
    if (this.closed || this.#ending || bytes.length === 0) return this.queued;
    if (this.#secured) this.#session!.send(bytes);
    else this.#early.push(bytes.slice());
    return this.queued;
  }
  pause(): void {
    this.#paused = true;
    if (this.#secured) this.#transport!.pause(); // the handshake has to go on
  }
  resume(): void {
    this.#paused = false;
    this.#transport?.resume();
  }
  end(): void {
    if (this.closed || this.#ending) return;
    this.#ending = true;
    if (this.#secured) this.#session!.end();
  }
  /** With nothing left to send this is an end in order, and says so; else it is none. */
  close(): void {
    const orderly = this.#secured && !this.closed && !this.#ending && this.queued === 0;
    if (orderly) this.#session!.end();
    this.#left = true;
    this.#transport?.close();
  }
  reset(): void {
    this.#left = true;
    this.#transport?.reset();
  }

  // From the engine:

  opened(transport: Transport): void {
    const { endpoint, serverName, accepted, engine } = this.#side;
    this.#transport = transport;
    accepted?.(this);
    try {
      this.#session = endpoint.session(this, serverName);
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      return this.failed(error);
    }
    if (serverName === undefined) {
      this.#timer = engine.after(HANDSHAKE_MS, () => {
        this.failed(handshakeError(`not done within ${HANDSHAKE_MS / 1000} s`));
      });
    }
    this.#session.start();
  }
  received(bytes: Uint8Array): void {
    if (!this.#over) this.#session!.receive(bytes);
  }
  writable(): void {
    if (this.#secured && !this.closed) this.#side.handler.writable(this);
  }
  /**
   * FIN, which may come only after close_notify: else an attacker could cut a stream short unnoticed. The
   * handler never hears of an end, only of the failure; but what it has sent before still goes out, as
   * some programs (Ncat) half-close like that.
   */
  finished(): void {
    if (this.#peerEnded || this.closed) return;
    if (!this.#secured) return this.failed(truncated(true));
    if (!this.#ending) this.#session!.end();
    if (!this.#transport!.closed) this.#linger(Infinity, 0);
    this.#fail(truncated(false));
  }
  /** `before` is what the peer had left to take, and `since` from when on. */
  #linger(before: number, since: number): void {
    const { engine } = this.#side, { queued, unacknowledged } = this.#transport!;
    const left = queued + unacknowledged;
    if (left < before) since = engine.now;
    else if (engine.now - since >= LINGER_MS) return this.close();
    this.#timer = engine.after(LOOK_MS, () => this.#linger(left, since));
  }
  over(error: OSError | null): void {
    this.#timer?.cancel();
    this.#session?.free();
    this.#session = undefined;
    this.#side.handler.close(this, this.#error ?? error);
  }

  // From the session:

  ciphertext(bytes: Uint8Array): void {
    this.#transport!.send(bytes); // which knows by itself when nothing more can be sent
  }
  secured(): void {
    if (this.#over) return;
    this.#timer?.cancel();
    this.#secured = true;
    const early = this.#early;
    this.#early = [];
    if (this.#paused) this.#transport!.pause();
    this.#side.handler.open(this);
    for (const bytes of early) if (!this.closed) this.#session!.send(bytes);
    if (this.#ending && !this.closed) this.#session!.end();
  }
  plaintext(bytes: Uint8Array): void {
    if (!this.#over) this.#side.handler.data(this, bytes);
  }
  ended(): void {
    if (this.#over || this.#peerEnded) return;
    this.#peerEnded = true;
    this.#side.handler.end(this);
  }
  /** close_notify is on its way, also where what follows is only that this failed (`finished`). */
  sent(): void {
    this.#transport!.end();
  }
  failed(error: TlsError): void {
    if (this.#over) return;
    this.#fail(error);
    this.#transport!.close(); // the alert has gone before
  }
  #fail(error: TlsError): void {
    this.#side.engine.counters.countError(error.errno);
    this.#error = error;
  }
}
