/** Standard input, and what was read of it and not sent yet. */
import { MSG_DONTWAIT, POLLIN } from "../sys/constants.ts";
import { ERRNO, errno, OSError } from "../sys/errno.ts";
import { bytesAhead, type Kind } from "../sys/stdio/file.ts";
import { reopenNonBlocking } from "../sys/linux/files.ts";
import { pollFor } from "../sys/poll.ts";
import { c } from "../sys/posix.ts";
import { lineEndings } from "./line_endings.ts";
import type { Relay } from "./relay.ts";

const CHUNK = 64 * 1024;
const WAITING = new Set<Kind>(["pipe", "terminal", "device"]);

/** A source of bytes, at most one chunk of which is held here. */
export class Input {
  readonly fd: number;
  /** A read waits when there is nothing: only what was announced may be read. */
  readonly mayWait: boolean;
  readonly #kind: Kind;
  readonly #relay: Relay | undefined;
  /** Through a relay: what a file had ahead before the thread began to read it. */
  #ahead = 0;
  readonly #read: (bytes: Uint8Array) => number;
  readonly #raw = new Uint8Array(new ArrayBuffer(CHUNK));
  readonly #convert: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** What was read and not sent yet is between `start` and `end` of it. Not a view for each line. */
  buffer: Uint8Array = this.#raw;
  start = 0;
  end = 0;
  /** How many bytes of the stream that is: in `buffer` CRs were added. */
  #source = 0;
  /** Its end was reached; bytes may still wait to be sent. */
  ended: boolean;

  /** Reads `fd`, or what a relay makes of it; with `crlf`, LF becomes CR LF. */
  constructor(fd: number, kind: Kind, crlf = false, relay?: (fd: number) => Relay) {
    if (kind === "file" && relay) this.#ahead = bytesAhead(fd);
    this.#relay = kind === "none" ? undefined : relay?.(fd);
    // Where others read as well, a byte that was announced may be gone: a read must not wait for the next.
    const reopens = !this.#relay && (kind === "pipe" || kind === "terminal");
    const own = this.#relay?.fd ?? (reopens ? reopenNonBlocking(fd, "read") : -1);
    this.fd = own === -1 ? fd : own;
    this.mayWait = own === -1 && WAITING.has(kind);
    this.#kind = kind;
    this.ended = kind === "none";
    this.#convert = crlf ? lineEndings() : undefined;
    this.#read = kind === "socket" || this.#relay
      ? (bytes) => c.recvBytes(this.fd, bytes, bytes.length, MSG_DONTWAIT)
      : (bytes) => c.readBytes(this.fd, bytes, bytes.length);
  }

  /** A person types. */
  get isTerminal(): boolean {
    return this.#kind === "terminal";
  }
  /** It has a size, and a read never waits. */
  get isFile(): boolean {
    return this.#kind === "file";
  }
  /** Nothing that was read waits to be sent. */
  get empty(): boolean {
    return this.start === this.end;
  }
  /** Bytes of the stream that were not sent: those read, and of a file those behind them. */
  get left(): number {
    const unread = this.isFile && !this.ended;
    const ahead = !unread ? 0 : this.#relay ? this.#ahead : bytesAhead(this.fd);
    return this.#source + ahead;
  }

  /** The same where no peer is left to send them to: what is there now is read first. @throws OSError */
  abandoned(): number {
    const waits = this.ended || !this.empty || this.mayWait && pollFor(this.fd, POLLIN, 0) <= 0;
    if (!waits) this.read();
    return this.left;
  }

  /** So many bytes of the buffer were sent. Returns for how many of the stream they stand. */
  take(count: number): number {
    const rest = this.end - this.start;
    const source = count === rest ? this.#source : Math.round(this.#source * (count / rest));
    this.start += count;
    this.#source -= source;
    return source;
  }

  /**
   * Reads, once all was sent: true when there are bytes or the end, false when there is nothing now.
   *
   * @throws OSError such as EISDIR
   */
  read(): boolean {
    const count = this.#read(this.#raw);
    if (count > 0) {
      this.#ahead = Math.max(0, this.#ahead - count);
      this.start = 0;
      this.end = this.#source = count;
      if (this.#convert) {
        this.buffer = this.#convert(this.#raw.subarray(0, count));
        this.end = this.buffer.length;
      }
      return true;
    }
    if (count === -1) {
      const error = errno();
      // EINTR: without a description of our own this call did wait, and a signal wants to be handled.
      if (error === ERRNO.EAGAIN || error === ERRNO.EINTR) return false;
      // EIO: the terminal went away.
      if (error !== ERRNO.EIO) throw new OSError(error, "read", "read standard input");
    }
    if (this.#relay?.failure) throw this.#relay.failure;
    this.ended = true;
    return true;
  }
}
