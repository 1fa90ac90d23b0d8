/**
 * The contract of a selector, in the manner of Python's `selectors`.
 *
 * A selector watches descriptors and tells which of them are ready: reading or writing will not
 * block. Readiness is level-triggered: what is still ready is told again by the next call.
 */

/** Interest in reading: data, end of stream, an error or a connection to accept. */
export const EVENT_READ = 1;
/** Interest in writing: room in the send buffer, a finished connect, or an error. */
export const EVENT_WRITE = 2;

/** A descriptor, or something that has one. */
export type FileObject = number | { fileno(): number };

/** What is known of a registration. Keys are immutable; `modify` makes a new one. */
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

/** The names of the backends. */
export type SelectorName = "select" | "poll" | "epoll" | "kqueue" | "io_uring" | "wsapoll";

/** A ready key with the events that are ready. */
export type Ready<T> = [key: SelectorKey<T>, events: number];

/**
 * Watches descriptors for readiness. Every backend behaves the same.
 *
 * @example
 * ```ts
 * import { createSelector, EVENT_READ, socketPair } from "./lib/mod.ts";
 *
 * using selector = createSelector<string>("auto");
 * const [a, b] = socketPair();
 * selector.register(b, EVENT_READ, "the receiving end");
 * a.send(new TextEncoder().encode("hello"));
 * for (const [key, events] of selector.select(1000)) console.log(key.data, events);
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

/** Wakes a selector from another thread; structured-cloneable, valid until the selector is closed. */
export interface WakeHandle {
  /** The descriptor that `wake` writes to. */
  readonly wakeFd: number;
}

/** `register` of a descriptor that is registered. */
export class AlreadyRegisteredError extends Error {
  /** "AlreadyRegisteredError" */
  override readonly name = "AlreadyRegisteredError";
}

/** `unregister`, `modify` or `getKey` of something that is not registered. */
export class NotRegisteredError extends Error {
  /** "NotRegisteredError" */
  override readonly name = "NotRegisteredError";
}

/** Any call but `close` after `close`. */
export class SelectorClosedError extends Error {
  /** "SelectorClosedError" */
  override readonly name = "SelectorClosedError";
}
