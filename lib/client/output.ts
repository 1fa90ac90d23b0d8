/** Standard output or standard error, and what is not written to it yet. */
import { MSG_DONTWAIT, MSG_NOSIGNAL, POLLOUT, SHUT_WR } from "../sys/constants.ts";
import { ERRNO, errno, OSError } from "../sys/errno.ts";
import { isWriteOnly, type Kind } from "../sys/stdio/file.ts";
import { reopenNonBlocking } from "../sys/linux/files.ts";
import { hangUpOf } from "../sys/linux/hang_up.ts";
import { pollFor } from "../sys/poll.ts";
import { c } from "../sys/posix.ts";
import { peek } from "../sys/socket/sockets.ts";
import { EVENT_READ, EVENT_WRITE } from "../selectors/selector.ts";
import type { Loop } from "./loop.ts";
import type { Relay } from "./relay.ts";

/** A write of at most PIPE_BUF bytes to a pipe that is ready never waits (pipe(7)). */
const PIPE_BUF = 4096;
/** What a pipe holds; a socket may hand out more at once. */
const CHUNK = 128 * 1024;

/** Its reader has gone: there is no point in going on. */
export class ReaderGone extends Error {
  override readonly name = "ReaderGone";
  /** A terminal that goes away may say so by SIGHUP as well. */
  readonly wasTerminal: boolean;

  constructor(kind: Kind) {
    super("standard output has no reader");
    this.wasTerminal = kind === "terminal";
  }
}

/** Where bytes go; at most one chunk is held here. */
export class Output {
  readonly fd: number;
  readonly buffer: Uint8Array = new Uint8Array(new ArrayBuffer(CHUNK));
  readonly #kind: Kind;
  readonly #relay: Relay | undefined;
  /** The most that a write which must not wait may take. */
  readonly #most: number;
  readonly #write: (bytes: Uint8Array, length: number) => number;
  /** A failure is an error; else what can't be written is thrown away. */
  readonly #matters: boolean;
  /** What is readable once the reader has gone; -1 where nothing says that, undefined before the first wait. */
  #reader: number | undefined;
  /** What is not written yet is between these. */
  #start = 0;
  #end = 0;
  #ready = (): void => {};

  /** Writes to `fd`, or to what a relay makes of it. */
  constructor(fd: number, kind: Kind, relay?: (fd: number) => Relay, matters = true) {
    this.#matters = matters;
    this.#relay = kind === "none" ? undefined : relay?.(fd);
    const reopens = !this.#relay && (kind === "pipe" || kind === "terminal");
    const own = this.#relay?.fd ?? (reopens ? reopenNonBlocking(fd, "write") : -1);
    this.fd = own === -1 ? fd : own;
    this.#kind = kind;
    this.#most = own === -1 && (kind === "pipe" || kind === "terminal") ? PIPE_BUF : CHUNK;
    this.#write = kind === "none"
      ? (_, length) => { // another file may have its number by now
        if (matters) throw new OSError(ERRNO.EBADF!, "write", "write to stdout");
        return length;
      }
      : kind === "socket" || this.#relay
      ? (bytes, length) => c.sendBytes(this.fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL)
      : (bytes, length) => c.writeBytes(this.fd, bytes, length);
  }

  get empty(): boolean {
    return this.#start === this.#end;
  }

  get waiting(): number {
    return this.#end - this.#start;
  }

  /**
   * Waits until what is left can be written; `ready` is called then. False where nothing is waited for, as a
   * regular file is always ready. A reader that goes away makes the loop's turn throw ReaderGone.
   */
  watch(loop: Loop, ready: () => void): boolean {
    this.#ready = ready;
    return this.#wait(loop, this.empty ? 0 : EVENT_WRITE);
  }

  /** Waits for nothing but the end of the reader. */
  rest(loop: Loop): void {
    this.#wait(loop, 0);
  }

  #wait(loop: Loop, events: number): boolean {
    const reader = this.#reader ??= this.#readerFd();
    const isShared = reader === this.fd;
    if (reader !== -1 && !isShared) loop.watch(reader, EVENT_READ, this.#checkReader);
    return loop.tryToWatch(this.fd, events | (isShared ? EVENT_READ : 0), this.#notice);
  }

  #readerFd(): number {
    const hasNone = this.#kind === "none" || this.#kind === "file" && !this.#relay;
    if (!this.#matters || hasNone) return -1;
    // Of a device as well: it was a terminal, if that has gone already.
    const hangUp = this.#relay ? -1 : hangUpOf(this.fd);
    if (hangUp !== -1) return hangUp;
    // What is readable about a stream that nothing can be read from is a hang-up or an error: poll(2).
    const shows = this.#relay || this.#kind === "socket" ||
      this.#kind === "pipe" && isWriteOnly(this.fd);
    return shows ? this.fd : -1;
  }

  readonly #notice = (events: number): void => {
    if (events & EVENT_READ) this.#checkReader();
    if (events & EVENT_WRITE) this.#ready();
  };

  readonly #checkReader = (): void => {
    const gone = this.#relay ? peek(this.fd) !== "nothing" : pollFor(this.fd, 0, 0) > 0;
    if (gone) throw this.#lost();
  };

  /** Waits until all is written that a relay has taken. @throws ReaderGone; OSError such as ENOSPC */
  async finish(loop: Loop, stop: AbortSignal): Promise<void> {
    if (!this.#relay) return;
    c.shutdown(this.fd, SHUT_WR);
    loop.forget(this.fd);
    loop.watch(this.fd, EVENT_READ, () => {});
    while (peek(this.fd) === "nothing") {
      stop.throwIfAborted();
      await loop.turn();
    }
    loop.forget(this.fd);
    if (this.#relay.failure) throw this.#lost();
  }

  /** Takes the first `count` bytes of the buffer, to be written. */
  fill(count: number): void {
    this.#start = 0;
    this.#end = count;
  }

  /**
   * Writes: true when all is written, false when the rest has to wait.
   *
   * @throws ReaderGone; OSError such as ENOSPC
   */
  write(): boolean {
    while (!this.empty) {
      // Where a write would wait, whether there is room has to be asked each time.
      if (this.#most === PIPE_BUF && pollFor(this.fd, POLLOUT, 0) <= 0) return false;
      const bytes = this.#start === 0 ? this.buffer : this.buffer.subarray(this.#start);
      const count = this.#write(bytes, Math.min(this.#end - this.#start, this.#most));
      if (count === -1) {
        const error = errno();
        if (error === ERRNO.EAGAIN || error === ERRNO.EINTR) return false;
        if (!this.#matters) break;
        if (this.#hasGone(error)) throw this.#lost();
        throw new OSError(error, "write", "write to stdout");
      }
      this.#start += count;
    }
    this.#start = this.#end = 0;
    return true;
  }

  #lost(): Error {
    const failure = this.#relay?.failure;
    return failure && !this.#hasGone(failure.errno) ? failure : new ReaderGone(this.#kind);
  }

  #hasGone(error: number): boolean {
    return GONE.has(error) || error === ERRNO.EIO && IO_MEANS_GONE.has(this.#kind);
  }
}

const GONE = new Set([ERRNO.EPIPE, ERRNO.ECONNRESET]);
/** A terminal that has gone before is no terminal any more (isatty(3)). */
const IO_MEANS_GONE = new Set<Kind>(["terminal", "device"]);
