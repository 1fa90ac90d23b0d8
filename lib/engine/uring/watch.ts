/** A descriptor that stays the caller's, watched for as long as it is readable. */
import type { UringCore } from "./core.ts";
import type { Target } from "./target.ts";
import { KIND } from "./requests.ts";

/** Calls back whenever the descriptor is ready: one request after the other. */
export class Watch implements Target {
  readonly #core: UringCore;
  readonly #fd: number;
  readonly #events: number;
  readonly #callback: () => void;
  readonly #slot: number;
  #closed = false;

  constructor(core: UringCore, fd: number, events: number, callback: () => void) {
    this.#core = core;
    this.#fd = fd;
    this.#events = events;
    this.#callback = callback;
    this.#slot = core.takeSlot();
    core.setTarget(this.#slot, this);
    this.#poll();
  }

  #poll(): void {
    this.#core.requests.poll(this.#slot, this.#fd, this.#events, KIND.readable);
  }

  complete(): void {
    if (!this.#closed) this.#callback();
    if (this.#closed) this.#core.dropSlot(this.#slot);
    else this.#poll();
  }

  /** Ends the watching; the descriptor may be closed at once, as the request is over with the next turn. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#core.requests.cancel(this.#slot, KIND.readable);
  }
}
