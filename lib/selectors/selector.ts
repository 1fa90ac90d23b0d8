/**
 * The contract of a selector, in the manner of Python's `selectors`.
 *
 * A selector watches descriptors and tells which of them are ready: reading or writing will not
 * block. Readiness is level-triggered: what is still ready is told again by the next call.
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
export interface SelectorKey<T> {
  /** What was registered. */
  readonly fileobj: FileObject;
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
export type SelectorName = "select" | "poll" | "epoll" | "kqueue" | "io_uring" | "wsapoll";

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
   */
  register(fileobj: FileObject, events: number, data?: T): SelectorKey<T>;

  /**
   * Stops watching. Succeeds also after the descriptor was closed, or closed and used again.
   *
   * @throws NotRegisteredError when it is not registered
   */
  unregister(fileobj: FileObject): SelectorKey<T>;

  /**
   * Changes the events or the data of a registration. Changing only the data costs no system call;
   * changing nothing returns the same key. Leaving `data` out sets it to `undefined`, as in Python.
   *
   * @throws RangeError, TypeError as `register`; the old registration stays
   * @throws NotRegisteredError when it is not registered
   * @throws OSError when the kernel refuses; the descriptor is then no longer registered
   */
  modify(fileobj: FileObject, events: number, data?: T): SelectorKey<T>;

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
   */
  dispatch(
    timeoutMs: number | undefined,
    callback: (key: SelectorKey<T>, events: number) => void,
  ): number;

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
  getKey(fileobj: FileObject): SelectorKey<T>;

  /** A live, read-only view of the registrations, by descriptor; empty once the selector is closed. */
  getMap(): ReadonlyMap<number, SelectorKey<T>>;

  /** Releases the backend's resources. The registered descriptors stay open. May be called again. */
  close(): void;
}

/**
 * Wakes a selector from another thread; structured-cloneable, valid until the selector is closed.
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
}

/**
 * `register` of a descriptor that is registered.
 *
 * @example
 * ```ts
 * import { AlreadyRegisteredError, createSelector, EVENT_READ, socketPair } from "iomux";
 *
 * using selector = createSelector();
 * const [a] = socketPair();
 * selector.register(a, EVENT_READ);
 * try {
 *   selector.register(a, EVENT_READ);
 * } catch (error) {
 *   console.log(error instanceof AlreadyRegisteredError); // true
 * }
 * ```
 */
export class AlreadyRegisteredError extends Error {
  /** "AlreadyRegisteredError" */
  override readonly name = "AlreadyRegisteredError";
}

/**
 * `unregister`, `modify` or `getKey` of something that is not registered.
 *
 * @example
 * ```ts
 * import { createSelector, NotRegisteredError, socketPair } from "iomux";
 *
 * using selector = createSelector();
 * const [a] = socketPair();
 * try {
 *   selector.unregister(a);
 * } catch (error) {
 *   console.log(error instanceof NotRegisteredError); // true
 * }
 * ```
 */
export class NotRegisteredError extends Error {
  /** "NotRegisteredError" */
  override readonly name = "NotRegisteredError";
}

/**
 * Any call but `close` after `close`.
 *
 * @example
 * ```ts
 * import { createSelector, SelectorClosedError } from "iomux";
 *
 * const selector = createSelector();
 * selector.close();
 * try {
 *   selector.select(0);
 * } catch (error) {
 *   console.log(error instanceof SelectorClosedError); // true
 * }
 * ```
 */
export class SelectorClosedError extends Error {
  /** "SelectorClosedError" */
  override readonly name = "SelectorClosedError";
}
