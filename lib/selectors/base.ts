/**
 * What all selectors share: waiting, with its deadlines, signals, wake-ups and stale events. How a system
 * watches descriptors is the backend's (backend.ts), and nothing here differs by it.
 */
import { checkCallback } from "../sys/arguments.ts";
import { ERRNO, OSError } from "../sys/errno.ts";
import { isOpen } from "../sys/posix.ts";
import { mayBeSignal } from "../sys/process/thread.ts";
import { checkTimeout, hasDescriptor, signalOf } from "./arguments.ts";
import { AsyncWait } from "./async/wait.ts";
import { type Backend, EDGE, ONESHOT, ReadyList, type Registration } from "./backend.ts";
import { SelectorClosedError } from "./errors.ts";
import { Registrations } from "./registrations.ts";
import {
  type DataArguments,
  type DispatchCallback,
  EVENT_READ,
  type FileObject,
  type Ready,
  type Selector,
  type SelectorKey,
  type SelectorName,
  type SpinReport,
  type WakeHandle,
  type WatchOptions,
} from "./selector.ts";
import { SpinGuard, SUSPICIOUS } from "./spin_guard.ts";
import { newWaker, noHandle, type Waker } from "./waker.ts";

/**
 * What the selectors of this library have in common: all of {@linkcode Selector}.
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
export abstract class BaseSelector<T> implements Selector<T> {
  /** Which backend this is. */
  readonly name: SelectorName;
  readonly #backend: Backend;
  readonly #registrations: Registrations<T>;
  /** What the last wait has found and not reported yet. Empty between two waits, unless a callback throws. */
  readonly #ready = new ReadyList();
  #closed = false;
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

  /** Called by the selectors of this library only. @internal */
  constructor(name: SelectorName, backend: Backend) {
    this.name = name;
    this.#backend = backend;
    this.#registrations = new Registrations(name, backend);
  }

  /** See {@linkcode Selector.register}. */
  register<F extends FileObject>(
    fileobj: F,
    events: number,
    ...rest: DataArguments<T, [options?: WatchOptions]>
  ): SelectorKey<T, F> {
    this.#checkOpen();
    const [data, options] = rest as [T, WatchOptions?];
    const key = this.#registrations.register(fileobj, events, data, options);
    this.#async?.changed();
    return key;
  }

  /** See {@linkcode Selector.unregister}. */
  unregister(fileobj: FileObject): SelectorKey<T> {
    this.#checkOpen();
    const registration = this.#registrations.find(fileobj, "unregister");
    this.#registrations.delete(registration);
    this.#async?.changed();
    return registration.key!;
  }

  /** See {@linkcode Selector.modify}. */
  modify<F extends FileObject>(
    fileobj: F,
    events: number,
    ...data: DataArguments<T>
  ): SelectorKey<T, F>;
  modify<F extends FileObject>(fileobj: F, events: number, data?: T): SelectorKey<T, F> {
    this.#checkOpen();
    return this.#registrations.modify(fileobj, events, data as T, this.#changed);
  }

  readonly #changed = (registration: Registration): void => {
    // What a callback that threw has left is out of date: the system looks anew.
    if (!this.#dispatching) this.#ready.keep((left) => left !== registration);
    this.#async?.changed();
  };

  /** See {@linkcode Selector.getKey}. */
  getKey<F extends FileObject>(fileobj: F): SelectorKey<T, F> {
    this.#checkOpen();
    return this.#registrations.find(fileobj, "look up").key!;
  }

  /** See {@linkcode Selector.getMap}. */
  getMap(): ReadonlyMap<number, SelectorKey<T>> {
    this.#checkOpen();
    return this.#registrations.map;
  }

  /** See {@linkcode Selector.select}. */
  select(timeoutMs?: number): Ready<T>[] {
    const ready: Ready<T>[] = [];
    this.#collecting = true;
    try {
      this.dispatch(timeoutMs, (key, events) => ready.push([key, events]));
      return ready;
    } finally {
      this.#collecting = false;
    }
  }

  /** See {@linkcode Selector.dispatch}. */
  dispatch(timeoutMs: number | undefined, callback: DispatchCallback<T>): number {
    this.#checkOpen();
    checkCallback(callback, "callback");
    if (this.#notable && this.#attend()) return 0;
    this.#notable = this.#dispatching = true; // in the way of a wait from within a callback
    this.#early = false;
    const ready = this.#ready;
    try {
      if (timeoutMs !== 0 && ready.length === 0) {
        return this.#wait(checkTimeout(timeoutMs), callback);
      }
      // A loop that only looks does not wait in vain: two at once end every streak.
      this.#waits += 2;
      const postponed = ready.length;
      const result = this.#backend.wait(0, ready);
      if (postponed > 0) ready.merge(postponed);
      else if (result <= 0) return result === 0 ? 0 : this.#failed(result);
      return this.#deliver(callback);
    } finally {
      // A callback has thrown. Levels are reported again; edges and one-shots are kept for the next wait.
      if (ready.length > 0) ready.keep(isReportedOnce);
      this.#notable = this.#woken || this.#closed || this.#guard.pending;
      this.#dispatching = false;
    }
  }

  /** Does what must be done before a wait; true when that takes the place of the wait. */
  #attend(): boolean {
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

  /** Waits until there is something to report, for at most `timeoutMs`. */
  #wait(timeoutMs: number, callback: DispatchCallback<T>): number {
    this.#waits++;
    const deadline = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
    for (let remaining = timeoutMs;;) {
      const result = this.#backend.wait(remaining, this.#ready);
      if (result > 0) {
        const called = this.#deliver(callback);
        // 0 after a wake-up means that it was meant for this thread, not for a descriptor.
        if (called > 0 || this.#early) return called;
      } else if (result < 0) this.#failed(result);
      const late = remaining === 0;
      if (deadline !== Infinity) remaining = Math.max(0, deadline - performance.now());
      // A thread that was stopped until after its time (SIGSTOP) has not seen what came meanwhile.
      if (remaining === 0 ? result >= 0 || late : this.#early) return 0;
    }
  }

  /** A wait returned -errno. @throws OSError unless a signal interrupted it */
  #failed(result: number): 0 {
    if (result !== -ERRNO.EINTR!) throw new OSError(-result, this.name, `wait (${this.name})`);
    // A signal's JavaScript handler can only run when the main thread leaves this wait.
    this.#early = mayBeSignal();
    return 0;
  }

  /** Calls back for the ready entries. When there was nothing to report, removes the cause. */
  #deliver(callback: DispatchCallback<T>): number {
    const ready = this.#ready;
    const wait = this.#waits;
    let called = 0;
    for (let at = 0; at < ready.length; at++) {
      const registration = ready.take(at);
      const events = ready.events(at) & registration.events;
      if (events === 0) continue;
      const { key } = registration;
      if (key === undefined) {
        this.#waker!.drain();
        this.#early = true;
        continue;
      }
      const { fileobj, fd } = key;
      const streak = registration.lastWait === wait - 1 ? registration.streak + 1 : 0;
      registration.lastWait = wait;
      registration.streak = streak;
      // Closed and not unregistered: in this batch, or long ago while a duplicate is open (epoll) or the
      // number is in use again. The kernel, which costs a call, is asked when `fileno` differs, and always
      // of a bare number.
      const doubtful = typeof fileobj === "number" || !hasDescriptor(fileobj, fd);
      if (doubtful && (this.#backend.dropOther?.(registration) ?? !isOpen(fd))) continue;
      called++;
      const raw = ready.raw(at);
      if (streak >= SUSPICIOUS) this.#guard.suspect(registration, events, raw, this.onSpin);
      callback(key, events, raw);
    }
    ready.length = 0;
    if (called === 0 && !this.#early) this.#backend.recover();
    // What the callbacks used up is known now; after `select` only when the next wait begins.
    if (this.#guard.pending && !this.#collecting) this.#guard.settle();
    return called;
  }

  /** See {@linkcode Selector.selectAsync}. */
  async selectAsync(
    timeoutMs?: number,
    options?: { signal?: AbortSignal },
  ): Promise<Ready<T>[]> {
    this.#checkOpen();
    this.#async ??= this.#asyncWait();
    return await this.#async.begin(checkTimeout(timeoutMs), signalOf(options));
  }

  #asyncWait(): AsyncWait<T> {
    this.wakeHandle(); // from now on other threads may end the wait
    return new AsyncWait<T>(this.#backend, () => this.#registrations.all(), () => {
      this.#waits--; // this look is part of a wait
      const ready = this.select(0);
      return ready.length > 0 || this.#early ? ready : undefined;
    });
  }

  /** See {@linkcode Selector.onSpin}. */
  onSpin: (report: SpinReport<T>) => void = ({ message }) =>
    process.emitWarning(message, "SpinWarning");

  /** See {@linkcode Selector.wakeup}. */
  wakeup(): void {
    this.#checkOpen();
    this.#notable = this.#woken = true;
    this.#async?.poke();
  }

  /** See {@linkcode Selector.wakeHandle}. */
  wakeHandle(): WakeHandle {
    this.#checkOpen();
    if (!this.#waker) {
      const waker = newWaker((fd) => this.#registrations.map.has(fd));
      try {
        this.#registrations.insert(waker.fileno(), EVENT_READ);
      } catch (error) {
        waker.close();
        throw noHandle(error);
      }
      this.#waker = waker;
    }
    return this.#waker.handle;
  }

  /** See {@linkcode Selector.close}. */
  close(): void {
    if (this.#closed) return;
    this.#closed = this.#notable = true;
    this.#registrations.clear();
    this.#ready.clear(); // a callback that closes the selector is the last one
    this.#backend.close();
    this.#waker?.close();
    this.#guard.close();
    this.#async?.close(
      new SelectorClosedError("Cannot wait any longer: the selector was closed"),
    );
  }

  /** `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new SelectorClosedError("Cannot use the selector: it is closed");
  }
}

const isReportedOnce = ({ modes }: Registration) => (modes & (EDGE | ONESHOT)) !== 0;
