/** Waiting for descriptors and for signals at the same time. */
import { createSelector } from "../selectors/create.ts";
import { EVENT_READ, type Selector, type SelectorKey } from "../selectors/selector.ts";
import { runtime } from "../sys/runtime.ts";
import { eventLoopFds } from "../sys/linux/event_loops.ts";

/** Longest wait where the runtime's event loop can't be watched: a signal just before it is seen late. */
const LONGEST_WAIT_MS = 100;
/** There: how long to go on without a look at signals. */
const YIELD_MS = 50;

/** Deno's listeners of signals run some turns of its event loop after the signal. */
const TURNS = runtime === "deno" ? 10 : 1;

/**
 * Lets the runtime's event loop turn, and so the listeners of signals run.
 *
 * A turn takes what has arrived from the kernel, and calls listeners in its next one. So the last step is
 * an immediate, before which they are called: what comes later makes the event loop readable again.
 */
async function yieldToSignals(): Promise<void> {
  for (let turns = 0; turns < TURNS; turns++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await new Promise((resolve) => setImmediate(resolve));
}

/** Called with what is ready: EVENT_READ, EVENT_WRITE or both. */
export type Callback = (events: number) => void;

const call = (key: SelectorKey<Callback>, events: number): void => key.data(events);

/** Descriptors with callbacks. Each turn is one wait, after which signals have been handled. */
export class Loop implements Disposable {
  readonly #selector: Selector<Callback>;
  readonly #events = new Map<number, number>();
  /** The runtime's event loop is watched, so that a wait may last for ever. */
  readonly #watchesSignals: boolean;
  #runtimeHasWork = false;
  #isFirstTurn = true;
  #yieldedAt = 0;

  constructor() {
    const loops = eventLoopFds();
    this.#selector = createSelector();
    this.#selector.onSpin = () => {}; // the runtime empties its own loop, in its own time
    this.#watchesSignals = loops.filter((fd) => this.#watchRuntime(fd)).length > 0;
  }

  /** False when that is not possible, such as with epoll instances in one another (ELOOP). */
  #watchRuntime(fd: number): boolean {
    try {
      this.#selector.register(fd, EVENT_READ, () => this.#runtimeHasWork = true);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Watches a descriptor for EVENT_READ, EVENT_WRITE or both; 0 ends that.
   *
   * @throws OSError EPERM when it has no readiness, as a regular file; EBADF when it is not open
   */
  watch(fd: number, events: number, callback: Callback): void {
    const before = this.#events.get(fd) ?? 0;
    if (before === events) return;
    this.#events.delete(fd);
    if (events === 0) this.#selector.unregister(fd);
    else if (before === 0) this.#selector.register(fd, events, callback);
    else this.#selector.modify(fd, events, callback);
    if (events !== 0) this.#events.set(fd, events);
  }

  /** As `watch`: false for what has no readiness, and is always ready. */
  tryToWatch(fd: number, events: number, callback: Callback): boolean {
    try {
      this.watch(fd, events, callback);
      return true;
    } catch (error) {
      if ((error as { code?: string }).code === "EPERM") return false; // epoll_ctl(2)
      throw error;
    }
  }

  /** Watches a descriptor no longer; it may have been closed. */
  forget(fd: number): void {
    if (this.#events.delete(fd)) this.#selector.unregister(fd);
  }

  /**
   * Waits until something is ready, a signal has come or the time has passed (milliseconds). A promise, to
   * be waited for, when listeners of signals have to run.
   */
  turn(timeoutMs?: number): Promise<void> | undefined {
    if (this.#isFirstTurn) {
      this.#isFirstTurn = false;
      // libuv watches for signals from the next turn of its loop on.
      return new Promise((resolve) => setImmediate(resolve));
    }
    const limited = this.#watchesSignals
      ? timeoutMs
      : Math.min(timeoutMs ?? LONGEST_WAIT_MS, LONGEST_WAIT_MS);
    const ready = this.#selector.dispatch(limited, call);
    if (this.#watchesSignals) {
      if (!this.#runtimeHasWork) return undefined;
      this.#runtimeHasWork = false;
    } else {
      const now = performance.now();
      if (ready > 0 && now - this.#yieldedAt < YIELD_MS) return undefined;
      this.#yieldedAt = now;
    }
    return yieldToSignals();
  }

  [Symbol.dispose](): void {
    this.#selector.close();
  }
}
