/**
 * A netcat: stdin to the peer, the peer to stdout, on a selector.
 *
 * End of file: when stdin ends, the peer gets FIN, and we go on until the peer ends too. When the peer
 * ends, what it sent is printed and we are done, even if stdin is still open. See docs/eof.md.
 */
import type { OSError, Socket } from "../net/mod.ts";
import { createSelector, EVENT_READ, EVENT_WRITE, type Selector } from "../selectors/mod.ts";
import { ERRNO, errno, OSError as SystemError } from "../sys/errno.ts";
import { c, retry } from "../sys/posix.ts";
import type { TlsSocket } from "../tls/mod.ts";
import { yieldToSignals } from "./yield.ts";

/** Whom a session talks to: a Socket, or one with TLS around it, which may hold bytes of either way. */
export type PeerSocket =
  & Pick<Socket, "fileno" | "recv" | "send" | "shutdown">
  & Partial<Pick<TlsSocket, "hasIncoming" | "hasOutgoing" | "flush">>;

/** How a session ended. */
export type ClientEnd = "peer" | "broken-stdout" | "interrupted";

const STDIN = 0;
const STDOUT = 1;
/** A write of at most PIPE_BUF bytes to a pipe that is ready never blocks (pipe(7)). */
const PIPE_BUF = 4096;
const CHUNK = 64 * 1024;
/** The longest wait, as a signal that comes just before a wait is seen only after it. */
const MAX_WAIT_MS = 100;
/** How long to go on without looking for signals. */
const YIELD_MS = 50;

/** Bytes on their way in one direction: at most one chunk, so that neither side runs ahead. */
class Pipe {
  readonly buffer: Uint8Array = new Uint8Array(new ArrayBuffer(CHUNK));
  start = 0;
  end = 0;
  /** Its source has ended. */
  ended = false;

  get empty(): boolean {
    return this.start === this.end;
  }
  /** Its source should be read: there is room, and more may come. */
  get wanted(): boolean {
    return this.empty && !this.ended;
  }
  filled(count: number): void {
    this.start = 0;
    this.end = Math.max(count, 0);
  }
}

/**
 * One session over a connected, non-blocking socket.
 *
 * The descriptors 0 and 1 are left as they are: O_NONBLOCK would change the shell's too. Reading them
 * when they are ready, and writing no more than PIPE_BUF bytes, does not block.
 */
export class Client {
  readonly #socket: PeerSocket;
  readonly #selector: Selector<() => void>;
  readonly #up = new Pipe();
  readonly #down = new Pipe();
  /** Regular files and the like have no readiness: they are always ready (epoll_ctl(2), EPERM). */
  readonly #alwaysReady = new Set<number>();
  readonly #interest = new Map<number, number>();
  #finSent = false;
  /** Why nothing more can be sent; the peer's last words come first. */
  #sendError: OSError | undefined;
  #end: ClientEnd | undefined;

  constructor(socket: PeerSocket) {
    this.#socket = socket;
    this.#selector = createSelector("auto");
  }

  /**
   * Pumps until the session is over.
   *
   * @param interrupted asked now and then; true ends the session
   * @throws OSError ECONNRESET and others of the connection
   */
  async run(interrupted: () => boolean): Promise<ClientEnd> {
    using _ = this.#selector;
    let yielded = performance.now();
    while (this.#end === undefined) {
      const waits = this.#watch();
      if (this.#end !== undefined) break;
      this.#selector.dispatch(waits ? MAX_WAIT_MS : 0, (key) => key.data());
      if (this.#hasIncoming) this.#movePeer();
      for (const fd of this.#alwaysReady) this.#move(fd);
      if (performance.now() - yielded > YIELD_MS) {
        await yieldToSignals();
        yielded = performance.now();
      }
      if (interrupted()) this.#end = "interrupted";
    }
    return this.#end;
  }

  /** Asks for what each side can do now; false when something is ready without asking. */
  #watch(): boolean {
    const up = this.#up;
    const down = this.#down;
    if (up.ended && up.empty && !this.#finSent) this.#sendFin();
    if (down.ended && down.empty) {
      // An error that `send` has reported looks to `recv` as an ordinary end. EPIPE really is one.
      if (this.#sendError && this.#sendError.code !== "EPIPE") throw this.#sendError;
      this.#end = "peer";
    }
    const outgoing = !up.empty || this.#socket.hasOutgoing;
    const peer = (down.wanted ? EVENT_READ : 0) | (outgoing ? EVENT_WRITE : 0);
    this.#alwaysReady.clear();
    this.#ask(this.#socket.fileno(), peer, () => this.#movePeer());
    this.#ask(STDIN, up.wanted ? EVENT_READ : 0, () => this.#readStdin());
    this.#ask(STDOUT, down.empty ? 0 : EVENT_WRITE, () => this.#writeStdout());
    return this.#alwaysReady.size === 0 && !this.#hasIncoming;
  }

  /** There is something to be had from the peer without asking the system. */
  get #hasIncoming(): boolean {
    return this.#down.wanted && this.#end === undefined && (this.#socket.hasIncoming ?? false);
  }

  #ask(fd: number, events: number, callback: () => void): void {
    const before = this.#interest.get(fd) ?? 0;
    if (before === events) return;
    this.#interest.set(fd, events);
    try {
      if (events === 0) this.#selector.unregister(fd);
      else if (before === 0) this.#selector.register(fd, events, callback);
      else this.#selector.modify(fd, events, callback);
    } catch (error) {
      this.#interest.set(fd, 0);
      const { code } = error as OSError;
      if (code === "EPERM" && events !== 0) this.#alwaysReady.add(fd);
      else if (code === "EBADF" && fd === STDIN) this.#up.ended = true; // started with stdin closed
      else if (code === "EBADF" && fd === STDOUT) this.#end = "broken-stdout";
      else throw error;
    }
  }

  #move(fd: number): void {
    if (fd === STDIN) this.#readStdin();
    else this.#writeStdout();
  }

  #movePeer(): void {
    const up = this.#up;
    const down = this.#down;
    if (down.wanted) {
      const received = this.#socket.recv(down.buffer);
      down.filled(received);
      down.ended = received === 0;
    }
    if (this.#end !== undefined) return;
    if (!up.empty) this.#send();
    else if (this.#socket.hasOutgoing) this.#attempt(() => this.#socket.flush!());
  }

  #send(): void {
    const up = this.#up;
    this.#attempt(() => {
      up.start += Math.max(this.#socket.send(up.buffer, up.start, up.end - up.start), 0);
    });
  }

  /** A failure to send is kept until the peer's last words are read. */
  #attempt(send: () => void): void {
    try {
      send();
    } catch (error) {
      this.#sendError = error as OSError;
      this.#up.filled(0);
      this.#up.ended = this.#finSent = true;
    }
  }

  #sendFin(): void {
    this.#finSent = true;
    try {
      this.#socket.shutdown("write");
    } catch (error) {
      if ((error as OSError).code !== "ENOTCONN") throw error; // reset: `recv` will say so
    }
  }

  #readStdin(): void {
    const up = this.#up;
    const count = retry(() => c.readBytes(STDIN, up.buffer, up.buffer.length));
    if (count === -1) {
      const error = errno();
      if (error === ERRNO.EAGAIN) return;
      // EIO: a terminal that went away. There is no more input in any case.
      if (error !== ERRNO.EIO) throw new SystemError(error, "read", "read standard input");
    }
    up.filled(count);
    up.ended = count <= 0;
  }

  #writeStdout(): void {
    const down = this.#down;
    const bytes = down.buffer.subarray(down.start, Math.min(down.end, down.start + PIPE_BUF));
    const count = retry(() => c.writeBytes(STDOUT, bytes, bytes.length));
    if (count >= 0) {
      down.start += count;
      return;
    }
    const error = errno();
    if (error === ERRNO.EPIPE) this.#end = "broken-stdout";
    else if (error !== ERRNO.EAGAIN) throw new SystemError(error, "write", "write standard output");
  }
}
