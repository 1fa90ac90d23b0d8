/** From standard input to the peer. */
import { WOULD_BLOCK } from "../net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../selectors/selector.ts";
import { tcpInfo } from "../sys/socket/tcp_info.ts";
import type { Input } from "./input.ts";
import { inTransit, type Peer } from "./peer.ts";

/** How many chunks are moved before the other direction, and signals, get their turn. */
const BUDGET = 16;

/** What a session wants of this direction. */
export interface UpwardOptions {
  /** False: nothing is sent, and standard input is left alone. */
  readonly sends: boolean;
  /** FIN follows the last byte. */
  readonly halfClose: boolean;
  /** Called with what was sent. */
  readonly sent: ((bytes: Uint8Array) => void) | undefined;
}

/** One direction of a session. `move` does what can be done without waiting. */
export class Upward {
  readonly #input: Input;
  readonly #peer: Peer;
  readonly #options: UpwardOptions;
  #inputWaits: boolean;
  #peerWaits = false;
  #finSent = false;
  /** What FIN, and close_notify before it, add to what is in transit. */
  #finBytes = 0;
  #sentBytes = 0;
  /** All that was written, once the end has followed it. */
  #allBytes: number | undefined;
  #error: Error | undefined;
  /** When the last byte, or the end, was read; when the last one was sent. Milliseconds. */
  readAt: number = performance.now();
  sentAt: number = performance.now();

  constructor(input: Input, peer: Peer, options: UpwardOptions) {
    this.#input = input;
    this.#inputWaits = input.mayWait;
    this.#peer = peer;
    this.#options = options;
  }

  /** Why nothing more can be sent. */
  get error(): Error | undefined {
    return this.#error;
  }
  /** Sending has failed for a reason of this system: the peer knows nothing of it, and may never end. */
  get isStuck(): boolean {
    const { code } = (this.#error ?? {}) as { code?: string };
    return this.#error !== undefined && code !== "EPIPE" && code !== "ECONNRESET";
  }
  /** Bytes that were sent and that the peer's kernel has not taken. */
  get inTransit(): number {
    return Math.max(0, inTransit(this.#peer) - this.#finBytes, this.#unacknowledged);
  }
  /**
   * The same by what the peer has acknowledged, where the kernel counts that: a reset empties the queue
   * that SIOCOUTQ counts, whatever became of it. SYN and FIN are counted as bytes.
   */
  get #unacknowledged(): number {
    const acknowledged = tcpInfo(this.#peer.transport.fileno())?.acknowledgedBytes ?? 0;
    const left = (this.#allBytes ?? this.#written) - acknowledged;
    return acknowledged === 0 || left <= 2 ? 0 : left;
  }
  /** Bytes for the kernel so far: with TLS those of its records. */
  get #written(): number {
    return this.#peer.socket.writtenBytes ?? this.#sentBytes;
  }
  /** All that was read has been sent. */
  get idle(): boolean {
    return this.#input.empty && !this.#peer.socket.hasOutgoing;
  }
  /** There is nothing more to do. */
  get done(): boolean {
    return this.idle && this.#input.ended && (this.#finSent || !this.#options.halfClose);
  }
  /** Nothing can be done without waiting. */
  get waits(): boolean {
    if (this.#error !== undefined) return true;
    if (!this.idle) return this.#peerWaits;
    return !this.#options.sends || (this.#input.ended ? this.done : this.#inputWaits);
  }
  /** What to wait for at standard input. */
  get inputEvents(): number {
    const wanted = this.idle && !this.#input.ended && this.#error === undefined;
    return wanted && this.#options.sends ? EVENT_READ : 0;
  }
  /** What to wait for at the peer. */
  get peerEvents(): number {
    return !this.idle && this.#peerWaits && this.#error === undefined ? EVENT_WRITE : 0;
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
    if (this.#finSent) return;
    this.#finSent = true;
    this.#allBytes = this.#written;
    const before = inTransit(this.#peer);
    try {
      this.#peer.socket.shutdown("write");
    } catch (error) {
      this.#failed(error as Error);
    }
    this.#finBytes = Math.max(0, inTransit(this.#peer) - before);
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
    this.#input.start += count;
    this.#sentBytes += count;
    this.sentAt = performance.now();
  }

  #failed(error: Error): void {
    // ENOTCONN: reset; receiving says so.
    if ((error as { code?: string }).code !== "ENOTCONN") this.#error = error;
  }
}
