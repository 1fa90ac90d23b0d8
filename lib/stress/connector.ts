/** The pace at which a thread connects. */
import type { Engine } from "../engine/mod.ts";

/** Attempts that go on at the same time, at most. */
const MAX_CONNECTING = 256;
/** Attempts that are started together when the ones before take long. */
const BURST = 16;
/** How long is long: on loopback an attempt takes a twentieth of it. */
const SLOW_MS = 2;

/**
 * Begins attempts one after the other, so that they do not wait for each other here and show as connect
 * latency; and more and more at a time where each takes long.
 */
export class Connector {
  readonly #engine: Engine;
  readonly #count: number;
  readonly #connect: (index: number) => void;
  #started = 0;
  #ended = 0;
  #endedBefore = -1;

  /** `connect` begins attempt `index` of `count`. */
  constructor(engine: Engine, count: number, connect: (index: number) => void) {
    this.#engine = engine;
    this.#count = count;
    this.#connect = connect;
  }

  /** Every attempt has ended, well or not. */
  get settled(): boolean {
    return this.#ended === this.#count;
  }

  /** Begins. */
  run(): void {
    this.#start(1);
    this.#look();
  }

  /** An attempt has ended, well or not. */
  ended(): void {
    this.#ended++;
    this.#start(1);
  }

  #start(attempts: number): void {
    const room = Math.min(
      attempts,
      this.#count - this.#started,
      MAX_CONNECTING - (this.#started - this.#ended),
    );
    for (let i = 0; i < room; i++) this.#connect(this.#started++);
  }

  /** Has nothing happened since the last look? */
  #look(): void {
    if (this.#ended === this.#endedBefore) this.#start(BURST);
    this.#endedBefore = this.#ended;
    if (this.#started < this.#count) this.#engine.after(SLOW_MS, () => this.#look());
  }
}
