/** Ends a wait from another thread: an eventfd(2), or a pair of sockets, in the selector's own set. */
import { MSG_NOSIGNAL } from "../sys/constants.ts";
import { Native } from "../sys/ffi.ts";
import { eventfd } from "../sys/linux/epoll.ts";
import { c, closeFd } from "../sys/posix.ts";
import { newPair } from "../sys/sockets.ts";
import { system } from "../sys/system.ts";
import type { WakeHandle } from "./selector.ts";

/** Linux has a descriptor for just this; elsewhere a byte goes through two connected sockets. */
const HAS_EVENTFD = system === "linux";

const increment = new Native(8);
increment.view.setUint32(0, 1, true);

/**
 * Makes the current wait of a selector, or its next one, return early. Works in any thread.
 *
 * The handle is valid until the selector is closed; its owner tells the other threads before that.
 *
 * @example
 * ```ts
 * import { createSelector, wake } from "iomux";
 *
 * using selector = createSelector();
 * const handle = selector.wakeHandle(); // to be sent to Workers
 * wake(handle);
 * console.log(selector.select().length); // 0
 * ```
 */
export function wake(handle: WakeHandle): void {
  // EAGAIN means that the counter or the buffer is full, so that a wake-up is pending already.
  if (HAS_EVENTFD) c.write(handle.wakeFd, increment.pointer, 8);
  else c.send(handle.wakeFd, increment.pointer, 1, MSG_NOSIGNAL);
}

/** The receiving end, owned by one selector. */
export class Waker {
  readonly #fd: number;
  readonly #drained = new Native(HAS_EVENTFD ? 8 : 256);
  readonly handle: WakeHandle;

  constructor() {
    const [receiver, sender] = HAS_EVENTFD ? oneDescriptor() : newPair();
    this.#fd = receiver;
    this.handle = { wakeFd: sender };
  }

  fileno(): number {
    return this.#fd;
  }

  /** Forgets the wake-ups so far: however many there were, they count as one. */
  drain(): void {
    const { pointer, length } = this.#drained;
    if (HAS_EVENTFD) c.read(this.#fd, pointer, length);
    else while (c.recv(this.#fd, pointer, length, 0) === length);
  }

  close(): void {
    closeFd(this.#fd);
    if (this.handle.wakeFd !== this.#fd) closeFd(this.handle.wakeFd);
  }
}

function oneDescriptor(): [number, number] {
  const fd = eventfd();
  return [fd, fd];
}
