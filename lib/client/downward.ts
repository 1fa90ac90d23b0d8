/** From the peer to standard output. */
import { WOULD_BLOCK } from "../net/mod.ts";
import { EVENT_READ } from "../selectors/selector.ts";
import type { Output } from "./output.ts";
import type { PeerSocket } from "./peer.ts";

/** How many chunks are moved before the other direction, and signals, get their turn. */
const BUDGET = 16;

/** One direction of a session. `move` does what can be done without waiting. */
export class Downward {
  readonly #peer: PeerSocket;
  readonly #output: Output;
  readonly #received: ((bytes: Uint8Array) => void) | undefined;
  /** False: what comes is thrown away. */
  readonly #keeps: boolean;
  #peerWaits = true;
  #outputWaits = false;
  /** Since when, and how long before that in all. Milliseconds. */
  #blockedFrom = 0;
  #blockedMs = 0;
  #ended = false;
  /** What receiving failed with, after all that had come before was written. */
  error: Error | undefined;
  /** The peer has ended, but in a way that anybody could have feigned: something may be missing. */
  truncation: Error | undefined;
  /** When something, or the end, was last received. Milliseconds. */
  receivedAt: number = performance.now();

  constructor(
    peer: PeerSocket,
    output: Output,
    keeps: boolean,
    received: ((bytes: Uint8Array) => void) | undefined,
  ) {
    this.#peer = peer;
    this.#output = output;
    this.#keeps = keeps;
    this.#received = received;
  }

  /** The peer has ended, and all of it was written. */
  get done(): boolean {
    return this.#ended && this.#output.empty;
  }
  get #over(): boolean {
    return this.#ended || this.error !== undefined;
  }
  /** Nothing can be done without waiting. */
  get waits(): boolean {
    if (!this.#output.empty) return this.#outputWaits;
    return this.#over || (this.#peerWaits && !this.#peer.hasIncoming);
  }
  /** Standard output takes nothing now. */
  get blocked(): boolean {
    return this.#outputWaits && !this.#output.empty;
  }
  /** How long it has taken nothing, in all. Milliseconds. */
  get blockedMs(): number {
    return this.#blockedMs + (this.blocked ? performance.now() - this.#blockedFrom : 0);
  }
  get peerEvents(): number {
    return this.#output.empty && !this.#over ? EVENT_READ : 0;
  }
  peerReady(): void {
    this.#peerWaits = false;
  }
  outputReady(): void {
    this.#blockedMs = this.blockedMs;
    this.#outputWaits = false;
  }

  /** @throws ReaderGone; OSError of standard output */
  move(): void {
    for (let chunks = 0; chunks < BUDGET && !this.waits; chunks++) {
      if (this.#output.empty) this.#receive();
      if (this.#output.empty || this.#output.write()) continue;
      this.#blockedFrom = performance.now();
      this.#outputWaits = true;
    }
  }

  #receive(): void {
    const { buffer } = this.#output;
    let count: number;
    try {
      count = this.#peer.recv(buffer);
    } catch (error) {
      // A peer that says nothing more, however it says so, may go on reading.
      this.#ended = (error as { code?: string }).code === "TLS_TRUNCATED";
      if (this.#ended) this.truncation = error as Error;
      else this.error = error as Error;
      return;
    }
    // What was not filled is empty now: the next wait says when there is more.
    this.#peerWaits = count < buffer.length;
    if (count === WOULD_BLOCK) return;
    this.receivedAt = performance.now();
    if (count === 0) this.#ended = true;
    else {
      this.#received?.(buffer.subarray(0, count));
      if (this.#keeps) this.#output.fill(count);
    }
  }
}
