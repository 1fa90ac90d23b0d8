/** Standard output, and what was received and not written yet. */
import { MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_WR } from "../sys/constants.ts";
import { ERRNO, errno, OSError } from "../sys/errno.ts";
import { isWriteOnly, type Kind } from "../sys/stdio/file.ts";
import { reopenNonBlocking } from "../sys/linux/files.ts";
import { pollFor } from "../sys/poll.ts";
import { c } from "../sys/posix.ts";
import { peek } from "../sys/socket/sockets.ts";
import { EVENT_READ } from "../selectors/selector.ts";
import type { Loop } from "./loop.ts";
import type { Relay } from "./relay.ts";

/** A write of at most PIPE_BUF bytes to a pipe that is ready never blocks (pipe(7)). */
const PIPE_BUF = 4096;
/** What a pipe holds; a socket may hand out more at once. */
const CHUNK = 128 * 1024;

/** Its reader has gone: there is no point in going on. */
export class ReaderGone extends Error {
  override readonly name = "ReaderGone";
}

/** Where received bytes go; at most one chunk is held here. */
export class Output {
  /** What to watch, and to write to. */
  readonly fd: number;
  /** For the next chunk. */
  readonly buffer: Uint8Array = new Uint8Array(new ArrayBuffer(CHUNK));
  readonly #kind: Kind;
  readonly #relay: Relay | undefined;
  /** The most that a write which must not wait may take. */
  readonly #most: number;
  readonly #write: (bytes: Uint8Array, length: number) => number;
  /** What was received and not written yet is between these. */
  #start = 0;
  #end = 0;

  /** Writes to `fd`, or to what a relay makes of it. */
  constructor(fd: number, kind: Kind, relay?: (fd: number) => Relay) {
    this.#relay = kind === "none" ? undefined : relay?.(fd);
    const reopens = !this.#relay && (kind === "pipe" || kind === "terminal");
    const own = this.#relay?.fd ?? (reopens ? reopenNonBlocking(fd, "write") : -1);
    this.fd = own === -1 ? fd : own;
    this.#kind = kind;
    this.#most = own === -1 && (kind === "pipe" || kind === "terminal") ? PIPE_BUF : CHUNK;
    this.#write = kind === "none"
      ? () => {
        throw new ReaderGone(); // another file may have its number by now
      }
      : kind === "socket" || this.#relay
      ? (bytes, length) => c.sendBytes(this.fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL)
      : (bytes, length) => c.writeBytes(this.fd, bytes, length);
  }

  /** Nothing waits to be written. */
  get empty(): boolean {
    return this.#start === this.#end;
  }

  /** Only with nothing to read from it can EVENT_READ mean just one thing: that its reader has gone. */
  get showsReader(): boolean {
    if (this.#kind === "socket" || this.#relay) return true;
    return this.#kind === "pipe" && isWriteOnly(this.fd);
  }

  /** What is readable about a stream that nothing is read from is a hang-up or an error: poll(2). @throws ReaderGone */
  checkReader(): void {
    if (!this.showsReader) return;
    const gone = this.#relay ? peek(this.fd) !== "nothing" : pollFor(this.fd, 0, 0) > 0;
    if (gone) throw this.#lost();
  }

  /** Waits until all is written that a relay has taken. @throws ReaderGone; OSError such as ENOSPC */
  async finish(loop: Loop, stop: AbortSignal): Promise<void> {
    if (!this.#relay) return;
    c.shutdown(this.fd, SHUT_WR);
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
      const bytes = this.#start === 0 ? this.buffer : this.buffer.subarray(this.#start);
      const count = this.#write(bytes, Math.min(this.#end - this.#start, this.#most));
      if (count === -1) {
        const error = errno();
        if (error === ERRNO.EAGAIN || error === ERRNO.EINTR) return false;
        if (this.#hasGone(error)) throw this.#lost();
        throw new OSError(error, "write", "write to stdout");
      }
      this.#start += count;
      if (this.#most === PIPE_BUF) break; // whether there is room for more has to be asked
    }
    return this.empty;
  }

  /** Why nothing more can be written. */
  #lost(): Error {
    const failure = this.#relay?.failure;
    return failure && !this.#hasGone(failure.errno) ? failure : new ReaderGone();
  }

  #hasGone(error: number): boolean {
    return GONE.has(error) || this.#kind === "terminal" && error === ERRNO.EIO;
  }
}

const GONE = new Set([ERRNO.EPIPE, ERRNO.ECONNRESET]);
