/** A connection with faults: its answers are late, slow, in pieces, cut off, or never come. */
import {
  type Connection,
  COUNTER,
  type Engine,
  type Handler,
  type Timer,
  type TransportInfo,
} from "../../engine/mod.ts";
import type { FaultOptions, Random } from "./options.ts";
import { HeldBytes } from "./held_bytes.ts";

/** With a bandwidth, answers leave in pieces of so many milliseconds' worth. */
const TICK_MS = 10;
/** What a late timer or a slow peer has held up may catch up, as milliseconds' worth of bytes. */
const CATCH_UP_MS = 100;
/** Between slices, so that the peer can take one before the next is there. */
const SLICE_PAUSE_MS = 1;
/**
 * How long a reset waits for the next of the bytes before it to arrive, which it would destroy on their
 * way; and how long what still comes after our FIN is read, since closing with unread input is a reset.
 */
const LINGER_MS = 1000;
const LOOK_MS = 1;
/** How long the FIN of `closeAfter` waits for a peer that takes nothing. */
const STUCK_MS = 30_000;

/**
 * What a service sees instead of the connection itself. What is held back counts as queued, so the
 * water marks bound it as they bound what the peer does not read.
 */
export class FaultyConnection<S> implements Connection<S> {
  readonly #raw: Connection<S>;
  readonly #engine: Engine;
  readonly #inner: Handler<S>;
  readonly #faults: FaultOptions;
  readonly #random: Random;
  readonly #held = new HeldBytes();
  /** Of answers, until the cut. */
  #left: number;
  /** With a bandwidth: when the line has sent everything that was given to it. */
  #lineFree = 0;
  #nextSlice = 0;
  #timer: Timer | undefined;
  /** `end` was called: when FIN may follow the last byte. */
  #endDue: number | undefined;
  /** The answer was cut off; what the peer sends is dropped. */
  #cut = false;
  /** Of answers that a black hole has taken. */
  #swallowed = 0;

  constructor(
    raw: Connection<S>,
    engine: Engine,
    inner: Handler<S>,
    faults: FaultOptions,
    random: Random,
  ) {
    this.#raw = raw;
    this.#engine = engine;
    this.#inner = inner;
    this.#faults = faults;
    this.#random = random;
    this.#left = Math.min(faults.resetAfter, faults.closeAfter);
  }

  get state(): S {
    return this.#raw.state;
  }
  set state(state: S) {
    this.#raw.state = state;
  }
  get queued(): number {
    return this.#raw.queued + this.#held.length + this.#swallowed;
  }
  get unsent(): number {
    return this.#raw.unsent + this.#held.length + this.#swallowed;
  }
  get closed(): boolean {
    return this.#cut || this.#raw.closed;
  }
  get unacknowledged(): number {
    return this.#raw.unacknowledged;
  }
  get unread(): number {
    return this.#raw.unread;
  }
  get peerName(): string {
    return this.#raw.peerName;
  }
  transportInfo(): TransportInfo | null {
    return this.#raw.transportInfo();
  }

  send(bytes: Uint8Array): number {
    if (this.closed || this.#endDue !== undefined || bytes.length === 0) return this.queued;
    if (this.#faults.blackhole) {
      this.#swallowed += bytes.length;
      return this.queued;
    }
    this.#held.push(bytes, this.#due());
    this.#flow();
    const { slots } = this.#engine.counters;
    const { queued } = this;
    if (queued > slots[COUNTER.maxBuffered]!) slots[COUNTER.maxBuffered] = queued;
    return queued;
  }

  pause(): void {
    // A black hole reads on, however much it has swallowed.
    if (!this.#cut && !this.#faults.blackhole) this.#raw.pause();
  }
  resume(): void {
    if (!this.#cut) this.#raw.resume();
  }
  end(): void {
    if (this.closed || this.#endDue !== undefined) return;
    this.#endDue = this.#due();
    this.#flow();
  }
  /** What is held back is cut, as what is queued below. */
  close(): void {
    const isCut = this.#held.length > 0 && !this.closed;
    this.#forget();
    if (!isCut) return this.#raw.close();
    if (this.#raw.queued === 0) this.#engine.counters.slots[COUNTER.cut]!++;
    this.#raw.reset();
  }
  reset(): void {
    this.#forget();
    this.#raw.reset();
  }

  // What happens on the connection itself:

  opened(): void {
    this.#inner.open(this);
    this.#flow(); // the cut can be before the first byte
  }
  data(bytes: Uint8Array): void {
    if (!this.#cut) this.#inner.data(this, bytes);
  }
  writable(): void {
    this.#flow();
    if (!this.closed) this.#inner.writable(this);
  }
  ended(): void {
    if (!this.#cut) this.#inner.end(this);
  }
  /** It is over; the handler's `close` may still ask for `queued`. */
  over(): void {
    this.#forget();
  }

  /** When bytes that are given now may leave. */
  #due(): number {
    const { delayMs, jitterMs } = this.#faults;
    const jitter = jitterMs === 0 ? 0 : (2 * this.#random.next() - 1) * jitterMs;
    // Not the engine's clock: that is the beginning of the turn, and the answer would be early.
    return performance.now() + delayMs + jitter;
  }

  /** Sends what may leave now, and sees to the rest; returns whether anything left. */
  #flow(): boolean {
    const raw = this.#raw;
    const { slice, bytesPerSecond, blackhole } = this.#faults;
    const tick = Math.max(1, Math.floor(bytesPerSecond * TICK_MS / 1000));
    for (let moved = false;; moved = true) {
      if (this.closed) return moved;
      if (this.#left === 0) return this.#cutOff(), moved;
      if (blackhole || raw.queued > 0) return moved; // `writable` goes on
      const now = performance.now();
      if (this.#held.length === 0) {
        if (this.#endDue === undefined) return moved;
        if (this.#endDue <= now) raw.end();
        else this.#wait(this.#endDue - now);
        return moved;
      }
      const piece = this.#held.peek(Math.min(slice, tick, this.#left));
      const lineDone = Math.max(this.#lineFree, this.#held.due) +
        piece.length / bytesPerSecond * 1000;
      const due = Math.max(this.#held.due, lineDone, this.#nextSlice);
      if (due > now) return this.#wait(due - now), moved;
      raw.send(piece);
      this.#held.consume(piece.length);
      this.#left -= piece.length;
      this.#lineFree = Math.max(lineDone, now - CATCH_UP_MS);
      if (slice !== Infinity) this.#nextSlice = now + SLICE_PAUSE_MS;
    }
  }

  #wait(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#engine.after(ms, () => {
      if (this.#flow() && !this.closed) this.#inner.writable(this);
    });
  }

  /** All bytes before the cut are sent, or are in the engine's queue. */
  #cutOff(): void {
    const raw = this.#raw;
    const { resetAfter, closeAfter } = this.#faults;
    this.#forget();
    this.#cut = true;
    raw.resume(); // else the peer's end would not be seen
    if (resetAfter <= closeAfter) return this.#resetWhenTaken();
    raw.end();
    this.#closeWhenTaken();
  }

  /** So many bytes of the answer the peer does not have yet. */
  get #untaken(): number {
    return this.#raw.queued + this.#raw.unacknowledged;
  }

  #resetWhenTaken(before = Infinity, since = 0): void {
    const untaken = this.#untaken;
    const now = performance.now();
    if (untaken < before) since = now;
    if (untaken === 0 || now - since >= LINGER_MS) return this.#raw.reset();
    this.#timer = this.#engine.after(LOOK_MS, () => this.#resetWhenTaken(untaken, since));
  }

  #closeWhenTaken(before = Infinity, stuckMs = 0): void {
    this.#timer = this.#engine.after(LINGER_MS, () => {
      const untaken = this.#untaken;
      const stuck = untaken < before ? 0 : stuckMs + LINGER_MS;
      if (untaken === 0 || stuck >= STUCK_MS) this.#raw.close();
      else this.#closeWhenTaken(untaken, stuck);
    });
  }

  #forget(): void {
    this.#timer?.cancel();
    this.#held.clear();
    this.#swallowed = 0;
  }
}
