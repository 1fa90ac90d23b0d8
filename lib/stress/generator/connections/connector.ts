/** The pace at which a thread connects, for the first time and anew. */
import { now as clock } from "../../../sys/clock.ts";
import type { Engine } from "../../../engine/mod.ts";

/** Attempts that go on at the same time, at most. */
const MAX_CONNECTING = 256;
/** Attempts that are started together when the ones before take long. */
const BURST = 16;
/** How long is long: on loopback an attempt takes a twentieth of it. */
const SLOW_MS = 2;

/**
 * Begins attempts one after the other, so that they do not wait for each other here and show as connect
 * latency; and more and more at a time where each takes long. With a rate it begins them on time,
 * whatever becomes of those before.
 */
export class Connector {
  readonly #engine: Engine;
  readonly #connect: (slot: number) => void;
  readonly #everyMs: number;
  #queue: number[] = [];
  /** How many of the queue are taken; it is cut off now and then. */
  #taken = 0;
  #connecting = 0;
  #ended = 0;
  #looking = false;
  #nextAt = 0;
  #waiting = false;

  /** `connect` begins an attempt; `rate` are attempts a second, null for the pace of the target. */
  constructor(engine: Engine, connect: (slot: number) => void, rate: number | null) {
    this.#engine = engine;
    this.#connect = connect;
    this.#everyMs = rate === null ? 0 : 1000 / rate;
  }

  /** Nothing is being connected, nor to be. */
  get settled(): boolean {
    return this.#connecting === 0 && this.#taken === this.#queue.length;
  }

  /** Queues a connection to be made; `now` does not let it wait for others. */
  want(slot: number, now = false): void {
    this.#queue.push(slot);
    if (this.#everyMs > 0) return this.#onTime();
    if (now) this.#start(Infinity);
    else if (this.#connecting === 0) this.#start(1);
    this.#look();
  }

  ended(): void {
    this.#connecting--;
    this.#ended++;
    if (this.#everyMs > 0) return;
    this.#start(1);
    this.#look();
  }

  /** Forgets what is queued, but for those that are wanted all the same. */
  clear(wanted: (slot: number) => boolean = () => false): void {
    this.#queue = this.#queue.slice(this.#taken).filter(wanted);
    this.#taken = 0;
  }

  /** Begins many at a time when nothing has happened for a while. */
  #look(): void {
    if (this.#looking || this.#taken === this.#queue.length) return;
    this.#looking = true;
    const endedBefore = this.#ended;
    this.#engine.after(SLOW_MS, () => {
      this.#looking = false;
      if (this.#ended === endedBefore) this.#start(BURST);
      this.#look();
    });
  }

  #onTime(): void {
    if (this.#waiting || this.#taken === this.#queue.length) return;
    const now = clock();
    // Time in which nothing was to be connected is not made up for.
    this.#nextAt = Math.max(this.#nextAt, now - this.#everyMs);
    while (this.#nextAt <= now && this.#taken < this.#queue.length) {
      this.#nextAt += this.#everyMs;
      this.#begin();
    }
    if (this.#taken === this.#queue.length) return;
    this.#waiting = true;
    this.#engine.after(this.#nextAt - now, () => {
      this.#waiting = false;
      this.#onTime();
    });
  }

  #start(attempts: number): void {
    const waiting = this.#queue.length - this.#taken;
    const room = Math.min(attempts, waiting, MAX_CONNECTING - this.#connecting);
    for (let i = 0; i < room; i++) this.#begin();
  }

  #begin(): void {
    const slot = this.#queue[this.#taken++]!;
    if (this.#taken === this.#queue.length) this.clear();
    this.#connecting++;
    this.#connect(slot);
  }
}
