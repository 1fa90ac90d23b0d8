/**
 * Waiting, as all backends share it: deadlines, EINTR, stale events, wake-ups.
 *
 * A backend is the small methods that are abstract here and in registry.ts.
 */
import { ERRNO, OSError } from "../sys/errno.ts";
import { isOpen } from "../sys/posix.ts";
import { isAnnounced, isMainThread } from "../sys/thread.ts";
import { AsyncWait } from "./async/async_wait.ts";
import { checkTimeout } from "./keys.ts";
import type { Registration } from "./registration.ts";
import { Registry } from "./registry.ts";
import {
  type DispatchCallback,
  EVENT_READ,
  type Ready,
  type Selector,
  type SpinReport,
  type WakeHandle,
} from "./selector.ts";
import { SelectorClosedError } from "./errors.ts";
import { SpinGuard, SUSPICIOUS } from "./spin_guard.ts";
import { Waker } from "./waker.ts";

/**
 * The shared half of every selector. The abstract members are the half that a backend provides.
 *
 * @example
 * ```ts
 * import { type BaseSelector, SelectSelector } from "iomux";
 *
 * const registered = (selector: BaseSelector<string>) => selector.getMap().size;
 * using selector = new SelectSelector<string>();
 * console.log(registered(selector)); // 0
 * ```
 */
export abstract class BaseSelector<T> extends Registry<T> implements Selector<T> {
  /**
   * Blocks for at most `timeoutMs` (Infinity: for ever; 0: not at all) and returns how many entries are
   * ready, or -errno.
   */
  protected abstract wait(timeoutMs: number): number;
  /**
   * The registration of the i-th ready entry, with its readiness in `this.taken` and `this.raw`;
   * `undefined` when the entry belongs to no live registration.
   */
  protected abstract take(index: number): Registration<T> | undefined;
  /** Called after a wake-up that nobody could be told of: removes the cause. */
  protected abstract recover(): void;
  /** Gives back what the backend holds. */
  protected abstract release(): void;
  /**
   * What another thread can poll(2) to learn that a wait would find something: pairs of a descriptor
   * and EVENT_* bits. A backend with a descriptor of its own overrides this.
   */
  protected pollable(): number[] {
    return this.registrations.flatMap((r) => r && r.slot !== -1 ? [r.fd, r.mask] : []);
  }

  /** Out-parameter of `take`: EVENT_* bits as the kernel reported, not yet masked. */
  protected taken = 0;
  /** Out-parameter of `take`: the system's own bits. */
  protected raw = 0;

  /** See {@linkcode Selector.onSpin}. */
  onSpin: (report: SpinReport<T>) => void = ({ message }) =>
    process.emitWarning(message, "SpinWarning");

  /** Something must be seen to before the next wait: see `#attend`. */
  #notable = false;
  #dispatching = false;
  #woken = false;
  /** The last wait ended early, by a wake-up or a signal. */
  #early = false;
  #waits = 0;
  /** The callback only collects, for `select`. */
  #collecting = false;
  #waker: Waker | undefined;
  readonly #guard = new SpinGuard<T>();
  #async: AsyncWait<T> | undefined;

  /** See {@linkcode Selector.select}. */
  select(timeoutMs?: number): Ready<T>[] {
    const ready: Ready<T>[] = [];
    this.#collecting = true;
    try {
      this.dispatch(timeoutMs, (key, events) => ready.push([key, events]));
    } finally {
      this.#collecting = false;
    }
    return ready;
  }

  // Compilers inline a few calls deep and no deeper, and this one is in every loop's way: what is done
  // in every wait stands here and in `#deliver`, what is not stands apart.

  /** See {@linkcode Selector.dispatch}. */
  dispatch(timeoutMs: number | undefined, callback: DispatchCallback<T>): number {
    if (this.#notable && this.#attend()) return 0;
    this.#notable = this.#dispatching = true; // in the way of a wait from within a callback
    this.#early = false;
    try {
      if (timeoutMs !== 0) return this.#wait(checkTimeout(timeoutMs), callback);
      // Whoever only looks, again and again, does not wait in vain: two at once end every streak.
      this.#waits += 2;
      const ready = this.wait(0);
      return ready > 0 ? this.#deliver(ready, callback) : this.#nothing(ready);
    } finally {
      this.#notable = this.#woken || this.closed || this.#guard.pending;
      this.#dispatching = false;
    }
  }

  /** Does what must be done before a wait; true when that takes the place of the wait. */
  #attend(): boolean {
    this.checkOpen();
    if (this.#dispatching) {
      throw new Error("Cannot wait on a selector from within its own dispatch callback");
    }
    this.#notable = false;
    if (this.#guard.pending) this.#guard.settle();
    this.#early = this.#woken;
    if (!this.#woken) return false;
    this.#woken = false;
    this.#waker?.drain(); // wakeup() and wake(handle) together count as one
    return true;
  }

  /** Waits until there is something to tell, for at most `timeoutMs`. */
  #wait(timeoutMs: number, callback: DispatchCallback<T>): number {
    this.#waits++;
    const deadline = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
    for (let remaining = timeoutMs;;) {
      const ready = this.wait(remaining);
      if (ready > 0) {
        const called = this.#deliver(ready, callback);
        // 0 after a wake-up means that it was meant for this thread, not for a descriptor.
        if (called > 0 || this.#early) return called;
      } else {
        this.#nothing(ready);
        if (this.#early) return 0;
      }
      if (deadline === Infinity) continue;
      remaining = deadline - performance.now();
      if (remaining <= 0) return 0;
    }
  }

  /** A wait has ended without anything ready. @throws OSError when it failed */
  #nothing(result: number): 0 {
    if (result === -ERRNO.EINTR!) {
      // A signal's JavaScript handler can only run when the main thread leaves this wait.
      this.#early = isMainThread && !isAnnounced();
    } else if (result < 0) {
      throw new OSError(-result, this.name, `wait (${this.name})`);
    }
    return 0;
  }

  /** Calls back for the ready entries. When there was none to tell anybody of, removes the cause. */
  #deliver(ready: number, callback: DispatchCallback<T>): number {
    const wait = this.#waits;
    let called = 0;
    for (let i = 0; i < ready; i++) {
      const registration = this.take(i);
      if (registration === undefined) continue;
      const key = registration.key;
      const events = this.taken & registration.mask;
      if (events === 0) continue;
      if (key.fileobj === this.#waker) {
        this.#waker!.drain();
        this.#early = true;
        continue;
      }
      const { fileobj } = key;
      const streak = registration.lastWait === wait - 1 ? registration.streak + 1 : 0;
      registration.lastWait = wait;
      registration.streak = streak;
      // Closed and not unregistered: in this very batch, or long ago while a duplicate lives (epoll). To
      // ask the kernel each time would cost a call per event, so the object is asked, and the kernel
      // only when that has changed its mind, or now and then when a number is all there is.
      const doubtful = typeof fileobj === "number"
        ? (streak & 63) === 8
        : fileobj.fileno() !== registration.fd;
      if (doubtful && !isOpen(registration.fd)) continue;
      called++;
      if (streak >= SUSPICIOUS) this.#guard.told(registration, events, this.raw, this.onSpin);
      callback(key, events, this.raw);
      if (this.closed) break;
    }
    if (called === 0 && !this.#early) this.recover();
    // What the callbacks used up is known now; after `select` only when the next wait begins.
    if (this.#guard.pending && !this.#collecting) this.#guard.settle();
    return called;
  }

  /** See {@linkcode Selector.selectAsync}. */
  selectAsync(timeoutMs?: number, options?: { signal?: AbortSignal }): Promise<Ready<T>[]> {
    try {
      this.checkOpen();
      return (this.#async ??= this.#asyncWait()).begin(checkTimeout(timeoutMs), options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #asyncWait(): AsyncWait<T> {
    this.wakeHandle(); // from now on other threads may end the wait
    return new AsyncWait<T>({
      look: () => {
        this.#waits--; // this look is part of a wait
        const ready = this.select(0);
        return ready.length > 0 || this.#early ? ready : undefined;
      },
      pollable: () => this.pollable(),
    });
  }

  /** Another thread that polls for us must learn of it. */
  protected override changed(): void {
    this.#async?.changed();
  }

  /** See {@linkcode Selector.wakeup}. */
  wakeup(): void {
    this.checkOpen();
    this.#notable = this.#woken = true;
    this.#async?.poke();
  }

  /** See {@linkcode Selector.wakeHandle}. */
  wakeHandle(): WakeHandle {
    this.checkOpen();
    if (!this.#waker) {
      const waker = new Waker();
      const data = undefined as T;
      try {
        this.insert({ fileobj: waker, fd: waker.fileno(), events: EVENT_READ, data }, 0, false);
      } catch (error) {
        waker.close();
        throw error;
      }
      this.#waker = waker;
    }
    return this.#waker.handle;
  }

  /** See {@linkcode Selector.close}. */
  close(): void {
    if (this.closed) return;
    this.closed = this.#notable = true;
    this.clear();
    this.release();
    this.#waker?.close();
    this.#guard.close();
    this.#async?.fail(new SelectorClosedError("Cannot wait any longer: the selector was closed"));
  }

  /** `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
