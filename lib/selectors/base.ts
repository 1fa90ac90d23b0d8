/**
 * What all backends share: the registrations, roll-back, deadlines, EINTR, stale events.
 *
 * A backend is the seven small methods that are abstract here.
 */
import { ERRNO, OSError } from "../sys/errno.ts";
import { cannotWatch } from "../sys/pollable.ts";
import { isMainThread } from "../sys/thread.ts";
import { checkEvents, checkTimeout, descriptorOf, filenoOf, KeyMap } from "./keys.ts";
import {
  AlreadyRegisteredError,
  EVENT_READ,
  type FileObject,
  NotRegisteredError,
  type Ready,
  type Selector,
  SelectorClosedError,
  type SelectorKey,
  type SelectorName,
  type WakeHandle,
} from "./selector.ts";
import { Waker } from "./waker.ts";

/** A registration. It outlives its keys (`modify` replaces them) and ends with `unregister`. */
export class Registration<T> {
  /** The watched descriptor. */
  readonly fd: number;
  /** Tells this registration from an earlier or later one of the same descriptor number. */
  readonly generation: number;
  /** The current key. */
  key: SelectorKey<T>;
  /** False once unregistered: events that were harvested before are then dropped. */
  live: boolean = true;
  /** For the backend: where it keeps this registration, or -1 when it does not watch it (any more). */
  slot: number = -1;

  /** Made by the base only. */
  constructor(key: SelectorKey<T>, generation: number) {
    this.fd = key.fd;
    this.generation = generation;
    this.key = key;
  }
}

/** The shared half of every selector. The abstract members are the half that a backend provides. */
export abstract class BaseSelector<T> implements Selector<T> {
  /** Which backend this is. */
  abstract readonly name: SelectorName;
  /** Tells the kernel of a new registration. @throws OSError when it refuses */
  protected abstract add(registration: Registration<T>): void;
  /** Tells the kernel of other events. @throws OSError when it refuses */
  protected abstract change(registration: Registration<T>, events: number): void;
  /** Tells the kernel that a registration has ended; the descriptor may be closed by now. */
  protected abstract remove(registration: Registration<T>): void;
  /**
   * Blocks for at most `timeoutMs` (Infinity: for ever; 0: not at all) and returns how many entries are
   * ready, or -errno.
   */
  protected abstract wait(timeoutMs: number): number;
  /**
   * The registration of the i-th ready entry, with its readiness in `this.taken`; `undefined` when the
   * entry belongs to no live registration.
   */
  protected abstract take(index: number): Registration<T> | undefined;
  /** Called after a wake-up that nobody could be told of: removes the cause. */
  protected abstract recover(): void;
  /** Gives back what the backend holds. */
  protected abstract release(): void;

  /** Registrations by descriptor, the waker's included. */
  protected readonly registrations: (Registration<T> | undefined)[] = [];
  /** How many entries `registrations` has. */
  protected count = 0;
  /** Out-parameter of `take`: EVENT_READ | EVENT_WRITE as the kernel reported, not yet masked. */
  protected taken = 0;

  readonly #keys = new Map<number, SelectorKey<T>>();
  readonly #map = new KeyMap(this.#keys);
  #generation = 0;
  #closed = false;
  #dispatching = false;
  #woken = false;
  #waker: Waker | undefined;

  /** See {@linkcode Selector.register}. */
  register(fileobj: FileObject, events: number, data?: T): SelectorKey<T> {
    this.#checkOpen();
    checkEvents(events);
    const fd = descriptorOf(fileobj);
    if (this.registrations[fd]) {
      throw new AlreadyRegisteredError(
        `Cannot register descriptor ${fd}: it is registered already; use modify`,
      );
    }
    const key: SelectorKey<T> = { fileobj, fd, events, data: data as T };
    this.#insert(key);
    this.#keys.set(fd, key);
    return key;
  }

  /** See {@linkcode Selector.unregister}. */
  unregister(fileobj: FileObject): SelectorKey<T> {
    this.#checkOpen();
    const registration = this.#find(fileobj, "unregister");
    this.#forget(registration);
    return registration.key;
  }

  /** See {@linkcode Selector.modify}. */
  modify(fileobj: FileObject, events: number, data?: T): SelectorKey<T> {
    this.#checkOpen();
    checkEvents(events);
    const registration = this.#find(fileobj, "modify");
    const old = registration.key;
    if (events !== old.events) {
      try {
        // A closed object is found by identity, but its number may be somebody else's by now.
        if (typeof fileobj !== "number" && fileobj.fileno() < 0) {
          throw cannotWatch(ERRNO.EBADF!, old.fd);
        }
        this.change(registration, events);
      } catch (error) {
        this.#forget(registration);
        throw error;
      }
    } else if (data === old.data) {
      return old;
    }
    registration.key = { fileobj: old.fileobj, fd: old.fd, events, data: data as T };
    this.#keys.set(old.fd, registration.key);
    return registration.key;
  }

  /** See {@linkcode Selector.select}. */
  select(timeoutMs?: number): Ready<T>[] {
    const ready: Ready<T>[] = [];
    this.dispatch(timeoutMs, (key, events) => ready.push([key, events]));
    return ready;
  }

  /** See {@linkcode Selector.dispatch}. */
  dispatch(
    timeoutMs: number | undefined,
    callback: (key: SelectorKey<T>, events: number) => void,
  ): number {
    this.#checkOpen();
    if (this.#dispatching) {
      throw new Error("Cannot wait on a selector from within its own dispatch callback");
    }
    let remaining = checkTimeout(timeoutMs);
    if (this.#woken) {
      this.#woken = false;
      this.#waker?.drain(); // wakeup() and wake(handle) together count as one
      return 0;
    }
    const timed = remaining > 0 && remaining !== Infinity;
    const deadline = timed ? performance.now() + remaining : 0;
    this.#dispatching = true;
    try {
      for (;;) {
        const ready = this.wait(remaining);
        if (ready > 0) {
          const called = this.#deliver(ready, callback);
          // 0 after a wake-up means that it was meant for this thread, not for a descriptor.
          if (called >= 0) return called;
          this.recover();
        } else if (ready < 0) {
          if (ready !== -ERRNO.EINTR!) throw new OSError(-ready, this.name, `wait (${this.name})`);
          // A signal's JavaScript handler can only run when the main thread leaves this wait.
          if (isMainThread) return 0;
        }
        if (remaining === 0) return 0;
        if (timed) {
          remaining = deadline - performance.now();
          if (remaining <= 0) return 0;
        }
      }
    } finally {
      this.#dispatching = false;
    }
  }

  /** Calls back for the ready entries; -1 when there was none to tell anybody of. */
  #deliver(ready: number, callback: (key: SelectorKey<T>, events: number) => void): number {
    let called = 0;
    let woken = false;
    for (let i = 0; i < ready; i++) {
      const registration = this.take(i);
      if (registration === undefined) continue;
      const key = registration.key;
      const events = this.taken & key.events;
      if (events === 0) continue;
      if (key.fileobj === this.#waker) {
        this.#waker!.drain();
        woken = true;
        continue;
      }
      called++;
      callback(key, events);
      if (this.#closed) break;
    }
    return called === 0 && !woken ? -1 : called;
  }

  /** See {@linkcode Selector.wakeup}. */
  wakeup(): void {
    this.#checkOpen();
    this.#woken = true;
  }

  /** See {@linkcode Selector.wakeHandle}. */
  wakeHandle(): WakeHandle {
    this.#checkOpen();
    if (!this.#waker) {
      const waker = new Waker();
      try {
        this.#insert({
          fileobj: waker,
          fd: waker.fileno(),
          events: EVENT_READ,
          data: undefined as T,
        });
      } catch (error) {
        waker.close();
        throw error;
      }
      this.#waker = waker;
    }
    return this.#waker.handle;
  }

  /** See {@linkcode Selector.getKey}. */
  getKey(fileobj: FileObject): SelectorKey<T> {
    this.#checkOpen();
    return this.#find(fileobj, "look up").key;
  }

  /** See {@linkcode Selector.getMap}. */
  getMap(): ReadonlyMap<number, SelectorKey<T>> {
    this.#checkOpen();
    return this.#map;
  }

  /** See {@linkcode Selector.close}. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const registration of this.registrations) if (registration) registration.live = false;
    this.registrations.length = 0;
    this.count = 0;
    this.#keys.clear();
    this.release();
    this.#waker?.close();
  }

  /** `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new SelectorClosedError("Cannot use the selector: it is closed");
  }

  #insert(key: SelectorKey<T>): void {
    this.#generation = (this.#generation + 1) | 0;
    const registration = new Registration(key, this.#generation);
    this.registrations[key.fd] = registration;
    this.count++;
    try {
      this.add(registration);
    } catch (error) {
      this.registrations[key.fd] = undefined;
      this.count--;
      throw error;
    }
  }

  #forget(registration: Registration<T>): void {
    registration.live = false;
    this.registrations[registration.fd] = undefined;
    this.count--;
    this.#keys.delete(registration.fd);
    this.remove(registration);
  }

  #find(fileobj: FileObject, action: string): Registration<T> {
    const number = typeof fileobj === "number" ? descriptorOf(fileobj) : filenoOf(fileobj);
    let found: Registration<T> | undefined;
    if (number >= 0) found = this.registrations[number];
    else found = this.registrations.find((r) => r?.key.fileobj === fileobj);
    if (!found || found.key.fileobj === this.#waker) {
      const what = number >= 0 ? `descriptor ${number}` : "a closed object";
      throw new NotRegisteredError(`Cannot ${action} ${what}: it is not registered`);
    }
    return found;
  }
}
