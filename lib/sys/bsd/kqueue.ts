/**
 * kqueue(2) and kevent(2), the event queue of macOS and FreeBSD.
 *
 * Bound when a queue is first made. On Linux there is none; for tests, the environment variable
 * IOMUX_KQUEUE_LIBRARY may name a library that implements the two functions with the struct of
 * libkqueue (github.com/mheily/libkqueue). It serves to exercise the code that runs on the BSDs, and is
 * no way to run a program: such a library is built on epoll, which is there already.
 */
import { check, ERRNO, errno } from "../errno.ts";
import { type Functions, NULL, open, type Signature } from "../ffi.ts";
import { EV_CLEAR, EV_ERROR, KEVENT_SIZE, type KeventList } from "./kevent.ts";
import { closeFd, setCloseOnExec } from "../posix.ts";
import { isBsd, LIBC, system } from "../system.ts";
import { Timespec } from "../time.ts";

const TABLE = {
  kqueue: { args: [], result: "i32" },
  // queue, changes, how many, events, room for how many, timeout
  kevent: { args: ["i32", "pointer", "i32", "pointer", "i32", "pointer"], result: "i32" },
} as const satisfies Record<string, Signature>;

const LIBRARY = "IOMUX_KQUEUE_LIBRARY";

function libraries(): readonly string[] {
  if (isBsd) return LIBC;
  try {
    const library = process.env[LIBRARY];
    return library ? [library] : [];
  } catch {
    return []; // Deno without --allow-env
  }
}

let functions: Functions<typeof TABLE> | undefined;

function bind(): Functions<typeof TABLE> {
  const names = libraries();
  if (names.length > 0) return open(names, TABLE);
  throw new Error(`kqueue is part of macOS and FreeBSD, not of ${process.platform}`);
}

/**
 * Flags that make no difference to a change of what is watched already, but without which libkqueue
 * refuses it (evfilt_read_knote_modify returns -1 unless it sees EV_CLEAR, which it ignores).
 */
export const EV_TOUCH: number = isBsd ? 0 : EV_CLEAR;

/** Whether a queue's own descriptor can be polled; that of libkqueue is the end of a pipe. */
export const isPollableItself: boolean = isBsd;

/** Urgent data has a filter of its own, EVFILT_EXCEPT. */
export const hasExcept: boolean = system === "darwin";

/**
 * The longest timeout, 10^6 seconds: Darwin has refused longer ones with EINVAL, depending on its
 * version. Callers wait again when it has passed.
 */
const MAX_WAIT_MS = 1e9;

const time = new Timespec();

/** What a selector needs of a queue. */
export interface EventQueue {
  readonly fd: number;
  /** Bytes of the struct kevent that it takes and fills. */
  readonly structSize: number;
  /**
   * Applies `count` changes, each of which must have EV_RECEIPT, and returns how many receipts there
   * are: the i-th belongs to the i-th change, and `receiptError` reads it. -1 leaves errno behind.
   *
   * 0 means that a signal came in between: all changes were applied (kevent(2), EINTR), with
   * unknown results.
   */
  apply(changes: KeventList, count: number, receipts: KeventList): number;
  /**
   * Waits for at most `timeoutMs` (Infinity: for ever) and returns how many events there are; -1 leaves
   * errno behind. `events` needs room for at least one: with none, the timeout would be ignored.
   */
  wait(events: KeventList, timeoutMs: number): number;
  /** Closes it, and forgets what it watches. */
  close(): void;
}

export class Kqueue implements EventQueue {
  readonly structSize: number = KEVENT_SIZE;
  #fd: number;
  readonly #kevent: Functions<typeof TABLE>["kevent"];

  /**
   * A new queue, close-on-exec; a child process never inherits it anyhow (kqueue(2)).
   *
   * @throws Error on systems without kqueue, OSError EMFILE, ENFILE, ENOMEM
   */
  constructor() {
    const c = functions ??= bind();
    this.#kevent = c.kevent;
    this.#fd = check(c.kqueue(), "kqueue", "create a kqueue");
    setCloseOnExec(this.#fd);
  }

  get fd(): number {
    return this.#fd;
  }

  apply(changes: KeventList, count: number, receipts: KeventList): number {
    const none = time.set(0);
    const result = this.#kevent(this.#fd, changes.pointer, count, receipts.pointer, count, none);
    return result === -1 && errno() === ERRNO.EINTR ? 0 : result;
  }

  wait(events: KeventList, timeoutMs: number): number {
    const timeout = time.set(timeoutMs === Infinity ? Infinity : Math.min(timeoutMs, MAX_WAIT_MS));
    return this.#kevent(this.#fd, NULL, 0, events.pointer, events.capacity, timeout);
  }

  close(): void {
    closeFd(this.#fd);
    this.#fd = -1;
  }
}

/** The error number in a receipt: 0 for success. */
export const receiptError = (receipts: KeventList, index: number): number =>
  receipts.flags(index) & EV_ERROR ? receipts.data(index) : 0;
