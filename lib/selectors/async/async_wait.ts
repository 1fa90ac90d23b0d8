/**
 * `selectAsync`: another thread polls while this one is free, and this one then looks for itself.
 *
 * What the other thread says is a hint only, so that it needs to know neither keys nor generations.
 */
import { PollThread, type Watch } from "./poll_thread.ts";
import type { Ready } from "../selector.ts";

/** What is asked of the selector. */
interface Source<T> {
  /** What is ready now; `[]` after a wake-up, `undefined` when there is nothing to tell. */
  look(): Ready<T>[] | undefined;
  /** Pairs of a descriptor and EVENT_* bits to poll. */
  pollable(): number[];
}

/** The longest delay of a timer (2^31 - 1 ms); longer ones would fire at once. */
const LONGEST = 0x7fffffff;

/**
 * After so many false alarms in a row the thread polls again only a little later: what it sees is
 * then nothing that anybody asked for, and would be seen at once again (on Windows the hang-up of a peer
 * that has only ended its side, while there is no room to send).
 */
const FALSE_ALARMS = 3;
const LATER_MS = 10;

/** One asynchronous wait at a time. */
export class AsyncWait<T> {
  readonly #source: Source<T>;
  #settle: { resolve(ready: Ready<T>[]): void; reject(reason: unknown): void } | undefined;
  #deadline = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: Watch | undefined;
  #signal: AbortSignal | undefined;
  #changed = false;
  #falseAlarms = 0;

  constructor(source: Source<T>) {
    this.#source = source;
  }

  /** Waits for at most `timeoutMs`. @throws when a wait is going on */
  begin(timeoutMs: number, signal: AbortSignal | undefined): Promise<Ready<T>[]> {
    signal?.throwIfAborted();
    if (this.#settle) throw new Error("Cannot wait: another selectAsync of this selector goes on");
    const start = performance.now();
    const ready = this.#source.look();
    if (ready || timeoutMs === 0) return Promise.resolve(ready ?? []);
    this.#falseAlarms = 0;
    this.#deadline = start + timeoutMs;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#setTimer();
      this.#watch = PollThread.ofThisThread().watch(this.#source.pollable(), () => this.#look());
    });
  }

  /** The registrations are others now. Told to the thread once, however many changes there are. */
  changed(): void {
    if (!this.#settle || this.#changed) return;
    this.#changed = true;
    queueMicrotask(() => {
      this.#changed = false;
      if (this.#settle) this.#watch?.update(this.#source.pollable());
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

  /** Something may be ready. */
  #look(): void {
    if (!this.#settle) return;
    let ready: Ready<T>[] | undefined;
    try {
      ready = this.#source.look();
    } catch (error) {
      return this.fail(error);
    }
    if (ready) this.#end()?.resolve(ready);
    else if (++this.#falseAlarms <= FALSE_ALARMS) this.#watch?.update(this.#source.pollable());
    else setTimeout(() => this.#watch?.update(this.#source.pollable()), LATER_MS);
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
      () => {
        // Timers may be a little early, and a day is not for ever.
        if (performance.now() < this.#deadline) return this.#setTimer();
        let ready: Ready<T>[] | undefined;
        try {
          ready = this.#source.look();
        } catch (error) {
          return this.fail(error);
        }
        this.#end()?.resolve(ready ?? []);
      },
      Math.min(Math.max(Math.ceil(left), 0), LONGEST),
    );
  }
}
