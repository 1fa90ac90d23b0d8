/** From standard input to the peer. */
import { WOULD_BLOCK } from "../net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../selectors/selector.ts";
import type { Input } from "./input.ts";
import { Delivery, type Peer } from "./peer.ts";

/** How many chunks are moved before the other direction, and signals, get their turn. */
const BUDGET = 16;

/** Failures after which the peer says nothing new: receiving ends as well, after all that had come. */
const KNOWN_THERE = new Set(["EPIPE", "ECONNRESET", "TLS_PROTOCOL"]);

export interface UpwardOptions {
  /** False: nothing is sent, and standard input is left alone. */
  readonly sends: boolean;
  readonly halfClose: boolean;
  /** Called with what was sent. */
  readonly sent: ((bytes: Uint8Array) => void) | undefined;
}

/** One direction of a session. `move` does what can be done without waiting. */
export class Upward {
  readonly #input: Input;
  readonly #peer: Peer;
  readonly #options: UpwardOptions;
  /** What the peer's kernel has taken. */
  readonly delivery: Delivery;
  #inputWaits: boolean;
  #peerWaits = false;
  error: Error | undefined;
  /** When the last byte, or the end, was read; when the last one was sent. Milliseconds. */
  readAt: number = performance.now();
  sentAt: number = performance.now();

  constructor(input: Input, peer: Peer, options: UpwardOptions) {
    this.#input = input;
    this.#inputWaits = input.mayWait;
    this.#peer = peer;
    this.delivery = new Delivery(peer);
    this.#options = options;
  }

  /** Sending has failed for a reason of this system: the peer knows nothing of it, and may never end. */
  get isStuck(): boolean {
    const { code } = (this.error ?? {}) as { code?: string };
    return this.error !== undefined && !KNOWN_THERE.has(code!);
  }
  /** All that was read has been sent. */
  get idle(): boolean {
    return this.#input.empty && !this.#peer.socket.hasOutgoing;
  }
  /** There is nothing more to do. */
  get done(): boolean {
    return this.idle && this.#input.ended && (this.delivery.ended || !this.#options.halfClose);
  }
  /** Nothing can be done without waiting. */
  get waits(): boolean {
    if (this.error !== undefined) return true;
    if (!this.idle) return this.#peerWaits;
    return !this.#options.sends || (this.#input.ended ? this.done : this.#inputWaits);
  }
  get inputEvents(): number {
    const wanted = this.idle && !this.#input.ended && this.error === undefined;
    return wanted && this.#options.sends ? EVENT_READ : 0;
  }
  get peerEvents(): number {
    return !this.idle && this.#peerWaits && this.error === undefined ? EVENT_WRITE : 0;
  }
  inputReady(): void {
    this.#inputWaits = false;
  }
  peerReady(): void {
    this.#peerWaits = false;
  }

  /** @throws OSError of standard input */
  move(): void {
    for (let chunks = 0; chunks < BUDGET && !this.waits; chunks++) {
      if (!this.idle) this.#send();
      else if (!this.#input.ended) this.#read();
      else this.sendFin();
    }
  }

  /** Says that nothing more will come. */
  sendFin(): void {
    try {
      this.delivery.end();
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #read(): void {
    const came = this.#input.read();
    if (came) this.readAt = performance.now();
    // A short read is followed by another: no wait tells the end of a FIFO whose writers had gone before.
    this.#inputWaits = !came || this.#input.mayWait;
  }

  #send(): void {
    try {
      if (this.#input.empty) this.#flush();
      else this.#sendInput();
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #flush(): void {
    this.#peer.socket.flush!();
    this.#peerWaits = !this.idle;
  }

  #sendInput(): void {
    const { buffer, start, end } = this.#input;
    const count = this.#peer.socket.send(buffer, start, end - start);
    this.#peerWaits = count === WOULD_BLOCK;
    if (count === WOULD_BLOCK) return;
    this.#options.sent?.(buffer.subarray(start, start + count));
    this.delivery.sent(count, this.#input.take(count));
    this.sentAt = performance.now();
  }

  #failed(error: Error): void {
    // ENOTCONN: reset; receiving says so.
    if ((error as { code?: string }).code !== "ENOTCONN") this.error = error;
  }
}
