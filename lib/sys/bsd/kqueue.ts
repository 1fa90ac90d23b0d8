/** kqueue(2) and kevent(2), the event queue of macOS and FreeBSD. Bound when a queue is first made. */
import { check, ERRNO, errno } from "../errno.ts";
import { type Functions, NULL, open, type Signature } from "../ffi.ts";
import { EV_ERROR, KEVENT_SIZE, type KeventList } from "./kevent.ts";
import { closeFd, setCloseOnExec } from "../posix.ts";
import { isBsd, LIBC, system } from "../system.ts";
import { Timespec } from "../time.ts";

const TABLE = {
  kqueue: { args: [], result: "i32" },
  // queue, changes, how many, events, room for how many, timeout
  kevent: { args: ["i32", "pointer", "i32", "pointer", "i32", "pointer"], result: "i32" },
} as const satisfies Record<string, Signature>;

let functions: Functions<typeof TABLE> | undefined;

function bind(): Functions<typeof TABLE> {
  if (isBsd) return open(LIBC, TABLE);
  throw new Error(`kqueue is part of macOS and FreeBSD, not of ${process.platform}`);
}

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
  /** Whether poll(2) of that descriptor says that there are events. */
  readonly isPollable: boolean;
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
  readonly isPollable = true;
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
