/** Ends a wait from another thread: an eventfd(2) in the selector's own set. */
import { Native } from "../sys/ffi.ts";
import { eventfd } from "../sys/linux.ts";
import { c, closeFd } from "../sys/posix.ts";
import type { WakeHandle } from "./selector.ts";

const increment = new Native(8);
increment.view.setUint32(0, 1, true);

/**
 * Makes the current wait of a selector, or its next one, return early. Works in any thread.
 *
 * The handle is valid until the selector is closed; its owner tells the other threads before that.
 */
export function wake(handle: WakeHandle): void {
  // EAGAIN means that the counter is full, so that a wake-up is pending already.
  c.write(handle.wakeFd, increment.pointer, 8);
}

/** The receiving end, owned by one selector. */
export class Waker {
  readonly #fd = eventfd();
  readonly #counter = new Native(8);
  readonly handle: WakeHandle = { wakeFd: this.#fd };

  fileno(): number {
    return this.#fd;
  }

  /** Forgets the wake-ups so far: however many there were, they count as one. */
  drain(): void {
    c.read(this.#fd, this.#counter.pointer, 8);
  }

  close(): void {
    closeFd(this.#fd);
  }
}
