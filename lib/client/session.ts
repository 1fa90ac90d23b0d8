/**
 * A netcat: standard input to the peer, the peer to standard output.
 *
 * When standard input ends, the peer gets FIN, and the session goes on until it ends too. When the peer
 * ends first, standard input goes on until it ends or gives nothing for a while. See docs/client.md.
 */
import { EVENT_READ, EVENT_WRITE } from "../selectors/selector.ts";
import { Downward } from "./downward.ts";
import type { Input } from "./input.ts";
import type { Loop } from "./loop.ts";
import type { Output } from "./output.ts";
import type { Peer } from "./peer.ts";
import { Upward } from "./upward.ts";

/** How a session goes; times in milliseconds. */
export interface SessionOptions {
  /** FIN follows the end of standard input. */
  readonly halfClose: boolean;
  /** Once the peer has ended: how long standard input may give nothing. */
  readonly graceMs: number;
  /** Once standard input has ended and nothing more is taken: how long to wait for the peer's end. */
  readonly quitAfterMs?: number;
  /** How long nothing may come or go. */
  readonly idleTimeoutMs?: number;
  /** False: nothing is sent; standard input is not read. */
  readonly sends: boolean;
  /** False: what comes is thrown away, and the session ends when all is sent. */
  readonly receives: boolean;
  readonly observer?: Observer;
}

/** Who sees what goes over a connection. */
export interface Observer {
  /** Bytes are lent. */
  see(direction: "sent" | "received", bytes: Uint8Array): void;
  /** It can't go on now: nothing more is to be moved before it has settled. */
  readonly waits: boolean;
  /** @throws the signal's reason; ReaderGone */
  settle(stop: AbortSignal): Promise<void>;
}

export interface SessionEnd {
  readonly reason: "finished" | "lost" | "idle" | "quit";
  /** With "lost": what the connection failed with. */
  readonly error?: Error;
  /** Bytes of standard input that were not sent: a next peer can have them. */
  readonly unsent: number;
  /** Bytes of it that were sent, and that the peer's kernel did not take. */
  readonly lost: number;
}

export class Session {
  readonly #peer: Peer;
  readonly #input: Input;
  readonly #output: Output;
  readonly #loop: Loop;
  readonly #options: SessionOptions;
  readonly #up: Upward;
  readonly #down: Downward;
  /** From when on the peer's end is waited for, and how long standard output had taken nothing by then. */
  #quitFrom = 0;
  #blockedBefore = 0;

  constructor(peer: Peer, input: Input, output: Output, loop: Loop, options: SessionOptions) {
    const { halfClose, sends, receives, observer } = options;
    this.#peer = peer;
    this.#input = input;
    this.#output = output;
    this.#loop = loop;
    this.#options = options;
    const see = observer &&
      ((way: "sent" | "received") => (bytes: Uint8Array) => observer.see(way, bytes));
    this.#up = new Upward(input, peer, { halfClose, sends, sent: see?.("sent") });
    this.#down = new Downward(peer.socket, output, receives, see?.("received"));
  }

  /**
   * Pumps until the session is over.
   *
   * @throws OSError of standard input or output; ReaderGone; the signal's reason
   */
  async run(stop: AbortSignal): Promise<SessionEnd> {
    const [up, down] = [this.#up, this.#down];
    const { observer } = this.#options;
    try {
      for (let hasLooked = false;;) {
        down.move();
        up.move();
        if (observer?.waits) {
          this.#forget();
          await observer.settle(stop);
        }
        const reason = this.#over();
        if (reason) return await this.#finish(reason, stop);
        // This process may have been stopped for longer than a deadline: what has come meanwhile counts.
        const late = this.#late();
        if (late && hasLooked) return await this.#finish(late, stop);
        hasLooked = late !== undefined;
        const waits = this.#watch() && down.waits && up.waits;
        const yielding = this.#loop.turn(waits && !late ? this.#nextDeadline() : 0);
        if (yielding) await yielding;
        stop.throwIfAborted();
      }
    } finally {
      this.#forget();
    }
  }

  #over(): SessionEnd["reason"] | undefined {
    const { sends, receives } = this.#options;
    const [up, down] = [this.#up, this.#down];
    if (down.error || up.isStuck || up.error && (down.done || !receives)) return "lost";
    if (sends && up.done && !receives) return "finished";
    if (down.done && (!sends || up.done || up.idle && this.#input.isTerminal)) return "finished";
    return undefined;
  }

  #late(): SessionEnd["reason"] | undefined {
    const now = performance.now();
    if (now >= this.#graceEnds()) return "finished";
    if (now >= this.#quitAt()) return "quit";
    return now >= this.#idleAt() ? "idle" : undefined;
  }

  async #finish(reason: SessionEnd["reason"], stop: AbortSignal): Promise<SessionEnd> {
    return reason === "finished" ? await this.#confirm(stop) : this.#end(reason);
  }

  /** When standard input has given nothing for too long after the peer's end. */
  #graceEnds(): number {
    const [up, down] = [this.#up, this.#down];
    if (!down.done || !up.idle || this.#input.isFile) return Infinity;
    return Math.max(down.receivedAt, up.readAt, up.sentAt) + this.#options.graceMs;
  }
  /** While standard output takes nothing it is not the peer that is waited for: that time is none of it. */
  #quitAt(): number {
    const { quitAfterMs } = this.#options;
    if (!this.#input.ended || quitAfterMs === undefined) return Infinity;
    const { blocked, blockedMs } = this.#down;
    const from = Math.max(this.#up.readAt, this.#up.sentAt);
    if (from !== this.#quitFrom) [this.#quitFrom, this.#blockedBefore] = [from, blockedMs];
    return blocked ? Infinity : from + quitAfterMs + blockedMs - this.#blockedBefore;
  }
  #idleAt(): number {
    const last = Math.max(this.#up.readAt, this.#up.sentAt, this.#down.receivedAt);
    return last + (this.#options.idleTimeoutMs ?? Infinity);
  }
  #nextDeadline(): number | undefined {
    const next = Math.min(this.#graceEnds(), this.#quitAt(), this.#idleAt());
    return next === Infinity ? undefined : Math.max(0, next - performance.now());
  }

  /** Asks for what each side can do now; false when one of them has no readiness, and is always ready. */
  #watch(): boolean {
    const [up, down] = [this.#up, this.#down];
    this.#loop.tryToWatch(
      this.#peer.socket.fileno(),
      down.peerEvents | up.peerEvents,
      this.#peerReady,
    );
    const input = this.#loop.tryToWatch(this.#input.fd, up.inputEvents, this.#inputReady);
    const output = this.#output.watch(this.#loop, this.#outputReady);
    if (!input) up.inputReady();
    if (!output) down.outputReady();
    return input && output;
  }

  readonly #peerReady = (events: number): void => {
    if (events & EVENT_READ) this.#down.peerReady();
    if (events & EVENT_WRITE) this.#up.peerReady();
  };
  readonly #inputReady = (): void => this.#up.inputReady();
  readonly #outputReady = (): void => this.#down.outputReady();

  /** Asks for nothing but what says that standard output's reader has gone. */
  #forget(): void {
    this.#loop.forget(this.#peer.socket.fileno());
    this.#loop.forget(this.#input.fd);
    this.#output.rest(this.#loop);
  }

  /** Nothing is left to do here. Waits until the peer's kernel has taken all of it. */
  async #confirm(stop: AbortSignal): Promise<SessionEnd> {
    this.#forget();
    this.#up.sendFin(); // has the rest acknowledged at once
    const error = await this.#up.delivery.settle(this.#loop, stop, () => {
      this.#discard();
      return this.#down.error;
    });
    return this.#end(error ? "lost" : "finished", error);
  }

  /** Without `receives`: what is unread when a socket is closed makes the kernel reset the connection. */
  #discard(): void {
    if (this.#options.receives) return;
    this.#down.peerReady();
    this.#down.move();
  }

  #end(reason: SessionEnd["reason"], error = this.#down.error ?? this.#up.error): SessionEnd {
    const { sends } = this.#options;
    const bytes = {
      unsent: sends ? this.#input.left : 0,
      lost: sends ? this.#up.delivery.notTaken : 0,
    };
    if (reason === "lost" && error) return { reason, error, ...bytes };
    const { truncation } = this.#down;
    if (reason !== "finished" || !truncation) return { reason, ...bytes };
    return { reason: "lost", error: truncation, ...bytes };
  }
}
