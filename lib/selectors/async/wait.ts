/**
 * `selectAsync`: another thread polls while this one is free, and this one then looks for itself.
 *
 * What the other thread says is a hint only: it knows neither keys nor generations.
 */
import type { Backend, Registration } from "../backend.ts";
import { EVENT_READ, type Ready } from "../selector.ts";
import { Mirror } from "./mirror.ts";
import { Poller, type Watch } from "./poller.ts";

/** The longest delay of a timer (2^31 - 1 ms); longer ones would fire at once. */
const LONGEST = 0x7fffffff;

/**
 * After so many false alarms in a row the next poll begins a little later: what it sees was then not asked
 * for, and would be seen at once again (on Windows the hang-up of a peer that has only ended its side,
 * while there is no room to send).
 */
const FALSE_ALARMS = 3;
const LATER_MS = 10;

/** One asynchronous wait at a time. */
export class AsyncWait<T> {
  readonly #backend: Backend;
  readonly #registrations: () => Registration[];
  readonly #lookNow: () => Ready<T>[] | undefined;
  #settle: { resolve(ready: Ready<T>[]): void; reject(reason: unknown): void } | undefined;
  #deadline = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: Watch | undefined;
  #signal: AbortSignal | undefined;
  #changed = false;
  #falseAlarms = 0;
  /** For a backend without a descriptor of its own. */
  #mirror: Mirror | undefined;
  #outdated = true;

  /**
   * `registrations` is what is watched now; `look` returns what is ready now, `[]` after a wake-up, and
   * `undefined` when there is nothing to report.
   */
  constructor(
    backend: Backend,
    registrations: () => Registration[],
    look: () => Ready<T>[] | undefined,
  ) {
    this.#backend = backend;
    this.#registrations = registrations;
    this.#lookNow = look;
  }

  /** Waits for at most `timeoutMs`. @throws when a wait is going on */
  begin(timeoutMs: number, signal: AbortSignal | undefined): Promise<Ready<T>[]> {
    signal?.throwIfAborted();
    if (this.#settle) throw new Error("Cannot wait: another selectAsync of this selector goes on");
    const start = performance.now();
    const ready = this.#lookNow();
    if (ready || timeoutMs === 0) return Promise.resolve(ready ?? []);
    const poller = Poller.ofThisThread(); // throws when no descriptor is left: nothing has begun then
    this.#falseAlarms = 0;
    this.#deadline = start + timeoutMs;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#setTimer();
      this.#watch = poller.watch(
        this.#pollable(),
        (failure) => failure === undefined ? this.#look() : this.fail(failure),
      );
    });
  }

  /** What to poll elsewhere: pairs of a descriptor and EVENT_* bits. */
  #pollable(): number[] {
    const { pollable } = this.#backend;
    if (pollable >= 0) return [pollable, EVENT_READ];
    this.#mirror ??= Mirror.make();
    if (this.#mirror === undefined) {
      return this.#registrations().flatMap(({ fd, events }) => [fd, events]);
    }
    if (this.#outdated) this.#mirror.follow(this.#registrations());
    this.#outdated = false;
    return [this.#mirror.fd, EVENT_READ];
  }

  /** The registrations are others now. Passed on once, however many changes there are. */
  changed(): void {
    this.#outdated = true;
    if (!this.#settle || this.#changed) return;
    this.#changed = true;
    queueMicrotask(() => {
      this.#changed = false;
      if (this.#settle) this.#watch?.update(this.#pollable());
    });
  }

  /** A wake-up from this thread: the wait ends soon. */
  poke(): void {
    if (this.#settle) queueMicrotask(() => this.#look());
  }

  /** Ends a wait that goes on with an error. */
  fail(reason: unknown): void {
    this.#end()?.reject(reason);
  }

  /** Something may be ready, or the time has passed. */
  #look(isLate = false): void {
    if (!this.#settle) return;
    let ready: Ready<T>[] | undefined;
    try {
      ready = this.#lookNow();
    } catch (error) {
      return this.fail(error);
    }
    if (ready || isLate) this.#end()?.resolve(ready ?? []);
    else if (++this.#falseAlarms <= FALSE_ALARMS) this.#watch?.update(this.#pollable());
    else {
      this.#dropMirror(); // it may have a stale registration, see Epoll.recover
      setTimeout(() => this.#watch?.update(this.#pollable()), LATER_MS);
    }
  }

  #dropMirror(): void {
    this.#mirror?.close();
    this.#mirror = undefined;
    this.#outdated = true;
  }

  /** The selector is closed: ends a wait that goes on with an error. */
  close(reason: unknown): void {
    this.fail(reason);
    this.#dropMirror();
  }

  #end(): { resolve(ready: Ready<T>[]): void; reject(reason: unknown): void } | undefined {
    const settle = this.#settle;
    this.#settle = undefined;
    clearTimeout(this.#timer);
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#signal = undefined;
    return settle;
  }

  readonly #onAbort = (): void => this.fail(this.#signal?.reason);

  /** Also keeps the process alive, as any pending input or output does. */
  #setTimer(): void {
    const left = this.#deadline - performance.now();
    this.#timer = setTimeout(
      // Timers may be a little early, and a day is not for ever.
      () => performance.now() < this.#deadline ? this.#setTimer() : this.#look(true),
      Math.min(Math.max(Math.ceil(left), 0), LONGEST),
    );
  }
}
