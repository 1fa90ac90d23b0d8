/** Whether a generator's loop runs at all: it, too, may be kept from its work, and that is no latency. */
import type { Engine } from "../engine/mod.ts";

/** How often the loop is looked at. */
const BEAT_MS = 20;
/** A beat that is later than this is a stall. */
export const STALL_MS = 10;

/** Counts how often, and how long, a loop did not come to its timers. */
export class Heartbeat {
  readonly #engine: Engine;
  #count = 0;
  #maxMs = 0;
  #due = 0;

  /** Beats from now on. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#beat();
  }

  /** Forgets what was. */
  reset(): void {
    this.#count = this.#maxMs = 0;
  }

  /** Stalls so far, and the longest in milliseconds. */
  get stalls(): { count: number; maxMs: number } {
    return { count: this.#count, maxMs: this.#maxMs };
  }

  #beat(): void {
    const now = performance.now();
    const late = this.#due === 0 ? 0 : now - this.#due;
    if (late > STALL_MS) {
      this.#count++;
      this.#maxMs = Math.max(this.#maxMs, late);
    }
    this.#due = now + BEAT_MS;
    this.#engine.after(BEAT_MS, () => this.#beat());
  }
}
