/**
 * The contract of a selector, in the manner of Python's `selectors`.
 *
 * A selector watches descriptors and reports which of them are ready: reading or writing will not
 * block. Readiness is level-triggered: what is still ready is reported again by the next call.
 */

/**
 * Interest in reading: data, end of stream, an error or a connection to accept.
 *
 * @example
 * ```ts
 * import { createSelector, EVENT_READ, socketPair } from "iomux";
 *
 * using selector = createSelector();
 * const [a, b] = socketPair();
 * selector.register(b, EVENT_READ);
 * console.log(selector.select(0).length); // 0
 * a.send(new TextEncoder().encode("hello"));
 * console.log(selector.select(1000).length); // 1
 * ```
 */
export const EVENT_READ = 1;
/**
 * Interest in writing: room in the send buffer, a finished connect, or an error.
 *
 * @example
 * ```ts
 * import { createSelector, EVENT_READ, EVENT_WRITE, socketPair } from "iomux";
 *
 * using selector = createSelector();
 * const [a] = socketPair();
 * selector.register(a, EVENT_READ | EVENT_WRITE);
 * const [[, events] = []] = selector.select(1000);
 * console.log(events === EVENT_WRITE); // true
 * ```
 */
export const EVENT_WRITE = 2;

/**
 * Something urgent: out-of-band data of TCP. Reported only for what was registered with `priority`, next to
 * the two portable events; it can't be asked for in `events`.
 *
 * @example
 * ```ts
 * import { availableSelectors, EpollSelector, EVENT_PRIORITY, EVENT_READ, socketPair } from "iomux";
 *
 * if (availableSelectors().some(({ name, available }) => name === "epoll" && available)) {
 *   using selector = new EpollSelector();
 *   const [a, b] = socketPair();
 *   selector.register(b, EVENT_READ, undefined, { priority: true });
 *   a.send(new TextEncoder().encode("not urgent"));
 *   const [[, events] = [0, 0]] = selector.select(1000);
 *   console.log((events & EVENT_PRIORITY) !== 0); // false
 * }
 * ```
 */
export const EVENT_PRIORITY = 4;

/**
 * A descriptor, or something that has one.
 *
 * @example
 * ```ts
 * import { createSelector, EVENT_READ, type FileObject, socketPair } from "iomux";
 *
 * const [a, b] = socketPair();
 * const watched: FileObject[] = [a, b.fileno()];
 * using selector = createSelector();
 * for (const fileobj of watched) selector.register(fileobj, EVENT_READ);
 * console.log(selector.getMap().size); // 2
 * ```
 */
export type FileObject = number | { fileno(): number };

/**
 * What is known of a registration. Keys are immutable; `modify` makes a new one.
 *
 * @example
 * ```ts
 * import { createSelector, EVENT_READ, type SelectorKey, socketPair } from "iomux";
 *
 * using selector = createSelector<string>();
 * const [a] = socketPair();
 * const key: SelectorKey<string> = selector.register(a, EVENT_READ, "mine");
 * console.log(key.fd === a.fileno(), key.events, key.data); // true 1 mine
 * ```
 */
export interface SelectorKey<T, F extends FileObject = FileObject> {
  /** What was registered. */
  readonly fileobj: F;
  /** Its descriptor at the time of registration. */
  readonly fd: number;
  /** The events waited for: EVENT_READ, EVENT_WRITE or both. */
  readonly events: number;
  /** The caller's own data: a callback, a connection, anything. */
  readonly data: T;
}

/**
 * The names of the backends.
 *
 * @example
 * ```ts
 * import { createSelector, type SelectorName } from "iomux";
 *
 * const name: SelectorName = "select";
 * using selector = createSelector(name);
 * console.log(selector.name); // select
 * ```
 */
export type SelectorName = "select" | "poll" | "epoll" | "kqueue" | "wsapoll";

/**
 * A ready key with the events that are ready.
 *
 * @example
 * ```ts
 * import { createSelector, EVENT_READ, type Ready, socketPair } from "iomux";
 *
 * using selector = createSelector<string>();
 * const [a, b] = socketPair();
 * selector.register(b, EVENT_READ, "b");
 * a.close(); // the end of the stream can be read
 * const ready: Ready<string>[] = selector.select(1000);
 * for (const [key, events] of ready) console.log(key.data, events); // b 1
 * ```
 */
export type Ready<T> = [key: SelectorKey<T>, events: number];

/**
 * Ways of watching that not every backend has. They belong to the registration: `modify` keeps them.
 * A backend that lacks one throws {@linkcode UnsupportedModeError}.
 *
 * @example
 * ```ts
 * import { availableSelectors, EpollSelector, EVENT_READ, socketPair, type WatchOptions } from "iomux";
 *
 * if (availableSelectors().some(({ name, available }) => name === "epoll" && available)) {
 *   const options: WatchOptions = { oneshot: true };
 *   using selector = new EpollSelector();
 *   const [a, b] = socketPair();
 *   selector.register(b, EVENT_READ, undefined, options);
 *   a.send(new TextEncoder().encode("hello"));
 *   console.log(selector.select(1000).length, selector.select(0).length); // 1 0
 * }
 * ```
 */
export interface WatchOptions {
  /**
   * Edge-triggered: reported once when it becomes ready, and again only when there is more. Read or write
   * until WOULD_BLOCK. epoll (EPOLLET), kqueue (EV_CLEAR).
   */
  readonly edge?: boolean;
  /**
   * Told once, then silent until `modify` arms it again, with the same events or others. epoll
   * (EPOLLONESHOT), kqueue (EV_DISPATCH).
   */
  readonly oneshot?: boolean;
  /**
   * Several selectors watch the same listener, and an arrival wakes one or more of them, but not all.
   * Not to be combined with `oneshot` or `priority`. epoll (EPOLLEXCLUSIVE).
   */
  readonly exclusive?: boolean;
  /** EVENT_PRIORITY is reported as well. epoll, poll (POLLPRI), select (exceptfds). */
  readonly priority?: boolean;
}

/**
 * What is known of a descriptor that is reported again and again, and never used.
 *
 * @example
 * ```ts
 * import { createSelector, type SpinReport } from "iomux";
 *
 * using selector = createSelector<string>();
 * // Instead of the warning on stderr.
 * selector.onSpin = ({ key, waits, peer }: SpinReport<string>) =>
 *   console.error(`${key.data} was reported ${waits} times for nothing, peer ${peer ?? "unknown"}`);
 * ```
 */
export interface SpinReport<T> {
  /** The key that it was registered with. */
  readonly key: SelectorKey<T>;
  /** What was reported: EVENT_READ, EVENT_WRITE or both. */
  readonly events: number;
  /** The system's own bits, as `dispatch` passes them on. */
  readonly raw: number;
  /** The peer's address, "HOST:PORT" or "unix:PATH"; undefined when it has no peer. */
  readonly peer: string | undefined;
  /** How many waits in a row reported it. */
  readonly waits: number;
  /** All of this in a sentence, with what to do. */
  readonly message: string;
}

/**
 * What `dispatch` calls for each ready key.
 *
 * @example
 * ```ts
 * import { createSelector, type DispatchCallback, EVENT_READ, socketPair } from "iomux";
 *
 * const show: DispatchCallback<string> = (key, events) => console.log(key.data, events); // b 1
 * using selector = createSelector<string>();
 * const [a, b] = socketPair();
 * selector.register(b, EVENT_READ, "b");
 * a.send(new TextEncoder().encode("hello"));
 * selector.dispatch(1000, show);
 * ```
 */
export type DispatchCallback<T> = (key: SelectorKey<T>, events: number, raw: number) => void;

/**
 * What `register` and `modify` take after the events: the data, which may be left out where `undefined` is
 * among its values, and what else there is.
 *
 * @example
 * ```ts
 * import { createSelector, type DataArguments, EVENT_READ, socketPair } from "iomux";
 *
 * const rest: DataArguments<string> = ["mine"];
 * using selector = createSelector<string>();
 * const [a] = socketPair();
 * console.log(selector.register(a, EVENT_READ, ...rest).data); // mine
 * ```
 */
export type DataArguments<T, More extends readonly unknown[] = []> = undefined extends T
  ? [data?: T, ...more: More]
  : [data: T, ...more: More];

/**
 * Watches descriptors for readiness. Every backend behaves the same.
 *
 * @example
 * ```ts
 * import { createSelector, EVENT_READ, socketPair } from "iomux";
 *
 * using selector = createSelector<string>("auto");
 * const [a, b] = socketPair();
 * selector.register(b, EVENT_READ, "b");
 * a.send(new TextEncoder().encode("hello"));
 * for (const [key, events] of selector.select(1000)) console.log(key.data, events); // b 1
 * a.close();
 * b.close();
 * ```
 */
export interface Selector<T = unknown> extends Disposable {
  /** Which backend this is. */
  readonly name: SelectorName;

  /**
   * Begins to watch a file object for `events`.
   *
   * @throws RangeError when events is not EVENT_READ, EVENT_WRITE or both, or the descriptor is
   * negative; on SelectSelector also when it is not below FD_SETSIZE
   * @throws TypeError when the file object is neither a number nor has a `fileno()`
   * @throws AlreadyRegisteredError when its descriptor is registered
   * @throws OSError EBADF when it is not open, EPERM when it is a regular file or a directory
   * @throws UnsupportedModeError when this backend lacks what `options` asks for
   */
  register<F extends FileObject>(
    fileobj: F,
    events: number,
    ...data: DataArguments<T, [options?: WatchOptions]>
  ): SelectorKey<T, F>;

  /**
   * Stops watching. Succeeds also after the descriptor was closed, or closed and used again.
   *
   * @throws NotRegisteredError when it is not registered
   */
  unregister(fileobj: FileObject): SelectorKey<T>;

  /**
   * Changes the events or the data of a registration. Changing only the data costs no system call;
   * changing nothing returns the same key. Leaving `data` out sets it to `undefined`, as in Python.
   * A one-shot registration is armed again, also when nothing changes.
   *
   * @throws RangeError, TypeError as `register`; the old registration stays
   * @throws NotRegisteredError when it is not registered
   * @throws OSError when the kernel refuses; the descriptor is then no longer registered
   */
  modify<F extends FileObject>(
    fileobj: F,
    events: number,
    ...data: DataArguments<T>
  ): SelectorKey<T, F>;

  /**
   * Waits until something is ready or the time has passed, and returns what is ready.
   *
   * @param timeoutMs milliseconds, may be fractional, rounded up to what the system can wait.
   * `undefined` waits for ever, 0 or less only looks. With nothing registered it waits all the same.
   * Returns `[]` early after `wakeup()`, and on the main thread after a signal, so that the caller
   * can yield and the signal's handler can run.
   * @throws RangeError when timeoutMs is NaN
   */
  select(timeoutMs?: number): Ready<T>[];

  /**
   * Like `select`, but calls back for each ready key, without an allocation per event. An event of a
   * key that an earlier callback unregistered is dropped. Returns how many callbacks were called.
   * The callback must not call `select` or `dispatch` of this selector.
   *
   * Its third argument has the system's own bits: EPOLL* for epoll, POLL* for poll and wsapoll;
   * for select 1 (readable), 2 (writable) and 4 (exceptional); for kqueue the same three, and
   * the flags EV_EOF (0x8000) and EV_ERROR (0x4000).
   */
  dispatch(timeoutMs: number | undefined, callback: DispatchCallback<T>): number;

  /**
   * Like `select`, but leaves the thread free meanwhile: timers, promises and signal handlers go on,
   * and registrations may be changed. Costs no CPU time while nothing is ready. One at a time.
   *
   * @param timeoutMs as for `select`, in the coarser steps of the runtime's timers
   * @throws (rejects with) the signal's reason when it is aborted, SelectorClosedError when the
   * selector is closed meanwhile
   */
  selectAsync(timeoutMs?: number, options?: { signal?: AbortSignal }): Promise<Ready<T>[]>;

  /**
   * Called once for a descriptor that wait after wait reports and that is never read, written or accepted:
   * a loop that takes a whole CPU, unseen. By default the message becomes a warning of the process.
   */
  onSpin(report: SpinReport<T>): void;

  /**
   * Makes the current wait, or the next one, return early. Several calls before a wait count once.
   * Call it from the selector's own thread; `wakeHandle()` gives one for other threads.
   */
  wakeup(): void;

  /** A handle with which `wake(handle)`, in any thread of the process, does what `wakeup()` does. */
  wakeHandle(): WakeHandle;

  /**
   * The key of a registered file object.
   *
   * @throws NotRegisteredError when it is not registered
   */
  getKey<F extends FileObject>(fileobj: F): SelectorKey<T, F>;

  /** A live, read-only view of the registrations, by descriptor; empty once the selector is closed. */
  getMap(): ReadonlyMap<number, SelectorKey<T>>;

  /** Releases the backend's resources. The registered descriptors stay open. May be called again. */
  close(): void;
}

/**
 * Wakes a selector from another thread; structured-cloneable. Without effect once that is closed.
 *
 * @example
 * ```ts
 * import { createSelector, wake, type WakeHandle } from "iomux";
 *
 * using selector = createSelector();
 * const handle: WakeHandle = selector.wakeHandle();
 * wake(structuredClone(handle)); // as in a Worker, to which postMessage has brought it
 * console.log(selector.select().length); // 0
 * ```
 */
export interface WakeHandle {
  /** The descriptor that `wake` writes to. */
  readonly wakeFd: number;
  /** Says whether the selector is closed, and that this is a handle. */
  readonly state: SharedArrayBuffer;
}
