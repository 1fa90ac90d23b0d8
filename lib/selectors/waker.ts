/** Ends a wait from another thread: an eventfd(2), or a pair of sockets, in the selector's own set. */
import { MSG_NOSIGNAL } from "../sys/constants.ts";
import { Native } from "../sys/ffi.ts";
import { eventfd } from "../sys/linux/epoll.ts";
import { c, closeFd } from "../sys/posix.ts";
import { newPair } from "../sys/socket/sockets.ts";
import { system } from "../sys/system.ts";
import type { WakeHandle } from "./selector.ts";

/** Linux has a descriptor for just this; elsewhere a byte goes through two connected sockets. */
const HAS_EVENTFD = system === "linux";

const increment = new Native(8);
increment.view.setUint32(0, 1, true);

/** In a handle's state: the selector is closed. Below it is how many threads are in `wake` now. */
const CLOSED = 1 << 30;
/** A wake-up was sent and not seen yet: the next ones are part of it. */
const PENDING = 1 << 29;

/** A handle's state: the bits above, and what tells a handle from an object that looks like one. */
const STATE_BYTES = 8;
const sealOf = (wakeFd: number): number => wakeFd ^ 0x77616b65;
const cellOf = (state: unknown): Int32Array | undefined =>
  state instanceof SharedArrayBuffer && state.byteLength === STATE_BYTES
    ? new Int32Array(state)
    : undefined;

/**
 * Makes the current wait of a selector, or its next one, return early. Works in any thread, and has no
 * effect once the selector is closed.
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
 *
 * @throws TypeError for anything but a handle
 */
export function wake(handle: WakeHandle): void {
  const { wakeFd, state } = handle ?? {};
  const cell = cellOf(state);
  // A number in a made-up handle may be of any file or connection, which must not be written to.
  if (cell?.[1] !== sealOf(wakeFd)) {
    throw new TypeError("Cannot wake: use what wakeHandle() returns");
  }
  const isOpen = (Atomics.add(cell, 0, 1) & CLOSED) === 0;
  if (isOpen && (Atomics.or(cell, 0, PENDING) & PENDING) === 0) wakeDescriptor(wakeFd);
  Atomics.sub(cell, 0, 1);
}

/** The error of a handle that can't be made: a waker above FD_SETSIZE was not what the caller named. */
export const noHandle = (error: unknown): unknown =>
  error instanceof RangeError
    ? new RangeError(`Cannot make a wake handle, which selectAsync needs too: ${error.message}`)
    : error;

/** As `wake`, by a duplicate of a handle's descriptor, whose owner keeps it open for as long as it is used. */
export function wakeDescriptor(fd: number): void {
  // EAGAIN means that the counter or the buffer is full, so that a wake-up is pending already.
  if (HAS_EVENTFD) c.write(fd, increment.pointer, 8);
  else c.send(fd, increment.pointer, 1, MSG_NOSIGNAL);
}

/** The receiving end, owned by one selector. */
export class Waker {
  readonly #fd: number;
  readonly #drained = new Native(HAS_EVENTFD ? 8 : 256);
  readonly #cell: Int32Array;
  readonly handle: WakeHandle;

  constructor() {
    const [receiver, sender] = HAS_EVENTFD ? oneDescriptor() : newPair();
    this.#fd = receiver;
    const state = new SharedArrayBuffer(STATE_BYTES);
    this.#cell = new Int32Array(state);
    this.#cell[1] = sealOf(sender);
    this.handle = { wakeFd: sender, state };
  }

  fileno(): number {
    return this.#fd;
  }

  /** Forgets the wake-ups so far: however many there were, they count as one. */
  drain(): void {
    const { pointer, length } = this.#drained;
    if (HAS_EVENTFD) c.read(this.#fd, pointer, length);
    else while (c.recv(this.#fd, pointer, length, 0) === length);
    // After that: a wake-up in between is part of this one, as the wait has not returned yet.
    Atomics.and(this.#cell, 0, ~PENDING);
  }

  /** Closes the descriptors, once no other thread is about to write to them. */
  close(): void {
    Atomics.or(this.#cell, 0, CLOSED);
    while ((Atomics.load(this.#cell, 0) & ~PENDING) !== CLOSED); // they write to what is non-blocking: microseconds
    closeFd(this.#fd);
    if (this.handle.wakeFd !== this.#fd) closeFd(this.handle.wakeFd);
  }
}

function oneDescriptor(): [number, number] {
  const fd = eventfd();
  return [fd, fd];
}

/** A waker whose number is not taken: one that is registered may be closed by now, and be given out again. */
export function newWaker(isTaken: (fd: number) => boolean): Waker {
  const unfit: Waker[] = [];
  try {
    for (;;) {
      const waker = new Waker();
      if (!isTaken(waker.fileno())) return waker;
      unfit.push(waker);
    }
  } finally {
    for (const waker of unfit) waker.close();
  }
}
