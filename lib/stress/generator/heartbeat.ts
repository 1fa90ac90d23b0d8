/** Whether a generator's loop runs at all: time in which it was kept from its work is no latency. */
import type { Engine } from "../../engine/mod.ts";
import { threadCpu } from "../../sys/process/limits.ts";

const BEAT_MS = 20;
/** A beat that is later than this is a stall. */
export const STALL_MS = 10;

/** Counts how often, and how long, a loop did not come to its timers. */
export class Heartbeat {
  readonly #engine: Engine;
  #count = 0;
  #maxMs = 0;
  #awayMs = 0;
  #due = 0;
  #cpuMs = 0;

  /** Beats from now on. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#beat();
  }

  reset(): void {
    this.#count = this.#maxMs = this.#awayMs = 0;
  }

  /** Stalls so far, the longest, and what they took in all without using a CPU; in milliseconds. */
  get stalls(): { count: number; maxMs: number; awayMs: number } {
    return { count: this.#count, maxMs: this.#maxMs, awayMs: this.#awayMs };
  }

  #beat(): void {
    const now = performance.now();
    const late = this.#due === 0 ? 0 : now - this.#due;
    const { user, system } = threadCpu();
    const used = user + system - this.#cpuMs;
    this.#cpuMs += used;
    if (late > STALL_MS) {
      this.#count++;
      this.#maxMs = Math.max(this.#maxMs, late);
      this.#awayMs += Math.max(0, late - used);
    }
    this.#due = now + BEAT_MS;
    this.#engine.after(BEAT_MS, () => this.#beat());
  }
}
