/** Stream sockets: TCP over IPv4 and IPv6, and Unix sockets. See socket(7), tcp(7), unix(7). */
import { checkAmount, checkInteger } from "../sys/arguments.ts";
import { ERRNO, errno, OSError } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import { MSG_NOSIGNAL, MSG_PEEK } from "../sys/constants.ts";
import { c } from "../sys/posix.ts";
import { acceptFd, newPair, unreadBytes } from "../sys/socket/sockets.ts";
import {
  type Address,
  formatAddress,
  isConnectedToItself,
  readAddress,
  SOCKADDR_SIZE,
  unpackAddress,
} from "../sys/socket/sockaddr.ts";
import { type Bytes, bytesOf } from "./arguments.ts";
import { BaseSocket } from "./base.ts";
import {
  addressesToTry,
  connectError,
  type ConnectOptions,
  finishConnect,
  openConnection,
  targetName,
  toItself,
} from "./connect.ts";
import { TIMED_OUT, uninterrupted } from "./blocking/interrupted.ts";
import { readLine } from "./blocking/lines.ts";
import { type ListenOptions, openListener } from "./listen.ts";
import * as options from "./options.ts";
import { finishRace, Race } from "./race.ts";

/**
 * What `recv` and `send` return when a non-blocking socket can do nothing now.
 *
 * @example
 * ```ts
 * import { socketPair, WOULD_BLOCK } from "iomux";
 *
 * const [a] = socketPair();
 * console.log(a.recv(new Uint8Array(16)) === WOULD_BLOCK); // true
 * ```
 */
export const WOULD_BLOCK: -1 = -1;

const NOTHING = new Uint8Array(new ArrayBuffer(0));
const ACTIONS = { recv: "receive from", send: "send to" };
const sockaddr = new Native(SOCKADDR_SIZE);
const sockaddrLength = new Native(8);
/** What accept says of a connection that was reset before: BSDs the first, Windows, Wine. */
const RESET_BEFORE = new Set([ERRNO.ECONNABORTED!, ERRNO.ECONNRESET!, ERRNO.ENOTCONN!]);
/** The most that one call takes: Linux cuts at it, other systems refuse more (read(2), NOTES). */
const LARGEST_SEND = 0x7ffff000;

/**
 * A stream socket. It starts non-blocking and close-on-exec, and never raises SIGPIPE.
 *
 * @example
 * ```ts
 * import { Socket } from "iomux";
 *
 * using server = Socket.listen({ host: "127.0.0.1", port: 0 });
 * using client = Socket.connect({ host: "127.0.0.1", port: server.port, timeoutMs: 1000 });
 * client.send(new TextEncoder().encode("hello\n"));
 * server.setBlocking(true);
 * using connection = server.accept()!;
 * connection.setBlocking(true);
 * console.log(connection.readLine()); // hello
 * ```
 */
export class Socket extends BaseSocket {
  /** What `unread` has put back. */
  #ahead: Uint8Array = NOTHING;
  /** A connect of which it is not known yet how it ended. */
  #connecting: boolean;

  private constructor(fd: number, peer?: string | Address, connecting = false) {
    super(fd, peer);
    this.#connecting = connecting;
  }

  /**
   * A listening socket on `host` and `port`, or on a Unix `path` ("@NAME": an abstract name).
   *
   * `host` is an IP address or "localhost" (resolve names with `resolveHost`) and defaults to all IPv4
   * addresses; "::" is dual-stack unless `v6Only`. Port 0 takes a free one. SO_REUSEADDR is set.
   *
   * @throws OSError EADDRINUSE, EACCES, EADDRNOTAVAIL
   */
  static listen(listenOptions: ListenOptions): Socket {
    return new Socket(openListener(listenOptions));
  }

  /**
   * Begins to connect to `host` and `port`, or to a Unix `path`; `bind` chooses the local address.
   *
   * Without `timeoutMs` it does not wait: the socket becomes ready for writing when the attempt is
   * over, and `takeError` says how it ended; a failure that is known at once is thrown. With
   * `timeoutMs` it waits, and returns a connected socket. "localhost" has two addresses: both are tried,
   * the second after 250 ms or when the first has failed (RFC 8305; for other names see `dial`).
   *
   * @throws OSError ECONNREFUSED, ENETUNREACH, ETIMEDOUT (also when `timeoutMs` has passed), EAGAIN when
   * the backlog of a Unix listener is full (and has stayed so for `timeoutMs`: ETIMEDOUT)
   */
  static connect(connectOptions: ConnectOptions): Socket {
    const addresses = addressesToTry(connectOptions);
    if (addresses === undefined) return Socket.#begin(undefined, connectOptions);
    if (addresses.length === 1) return Socket.#begin(addresses[0], connectOptions);
    const { timeoutMs, ...now } = connectOptions;
    const race = new Race(addresses, (address) => Socket.#begin(address, now));
    if (timeoutMs === undefined) return race.advance() ?? race.take();
    return finishRace(race, targetName(connectOptions), timeoutMs);
  }

  static #begin(host: string | undefined, connectOptions: ConnectOptions): Socket {
    const target = host === undefined ? connectOptions : { host, port: connectOptions.port };
    const goesOn = connectOptions.timeoutMs === undefined; // else it is connected, or has thrown
    return new Socket(openConnection(host, connectOptions), targetName(target), goesOn);
  }

  /**
   * Takes over a descriptor, in the blocking mode it is in. The Socket closes it from now on. `peer` is
   * the peer's address, where that is known.
   */
  static fromFd(fd: number, peer?: Address): Socket {
    if (peer !== undefined) formatAddress(peer); // is it one?
    return new Socket(checkInteger(fd, "descriptor", -1, 0x7fffffff), peer);
  }

  /**
   * Takes the next connection; null when none is waiting (on a non-blocking listener), or when the
   * one that waited was reset meanwhile.
   *
   * @throws OSError EMFILE, ENFILE and others
   */
  accept(): Socket | null {
    sockaddrLength.int32[0] = SOCKADDR_SIZE;
    const { pointer } = sockaddr;
    const take = () => acceptFd(this.fileno(), pointer, sockaddrLength.pointer);
    const fd = uninterrupted(this.fileno(), "recv", take);
    if (fd === TIMED_OUT) return null;
    if (fd >= 0) return new Socket(fd, unpackAddress(sockaddr.view, sockaddrLength.int32[0]!));
    const error = errno();
    if (error === ERRNO.EAGAIN || RESET_BEFORE.has(error)) return null;
    throw new OSError(error, "accept", `accept a connection on ${this.peerName}`);
  }

  /** Receives into `buffer`: the number of bytes, 0 at the end of the stream, or WOULD_BLOCK. */
  recv(buffer: Bytes): number {
    const bytes = bytesOf(buffer);
    if (bytes.length === 0) throw new RangeError("Cannot receive into an empty buffer");
    return this.#receive(bytes, 0);
  }

  /** Sends `length` bytes of `buffer` from byte `offset`: the number taken, or WOULD_BLOCK. */
  send(buffer: Bytes, offset = 0, length?: number): number {
    const all = bytesOf(buffer);
    checkInteger(offset, "offset", 0, all.length);
    const rest = all.length - offset;
    const count = length === undefined ? rest : checkInteger(length, "length", 0, rest);
    const bytes = offset === 0 ? all : all.subarray(offset, offset + count);
    const size = Math.min(count, LARGEST_SEND);
    const put = () => c.sendBytes(this.fileno(), bytes, size, MSG_NOSIGNAL);
    return this.#result(uninterrupted(this.fileno(), "send", put), "send");
  }

  #result(result: number, syscall: "recv" | "send"): number {
    if (result >= 0) return result;
    if (result === TIMED_OUT) return WOULD_BLOCK; // as the call itself says it, by EAGAIN
    const error = errno();
    if (error === ERRNO.EAGAIN) return WOULD_BLOCK;
    throw new OSError(error, syscall, `${ACTIONS[syscall]} ${this.peerName}`);
  }

  /** Blocking sockets: exactly `length` bytes; null when the stream ends before. What came is put back then. */
  recvExactly(length: number): Uint8Array | null {
    checkInteger(length, "length", 0, 0x7fffffff);
    const bytes = new Uint8Array(new ArrayBuffer(length));
    return this.#fill(bytes) ? bytes : null;
  }

  #fill(bytes: Uint8Array): boolean {
    let at = 0;
    try {
      while (at < bytes.length) {
        const received = this.#blocking(this.recv(bytes.subarray(at)), "recv");
        if (received === 0) return false;
        at += received;
      }
      return true;
    } finally {
      if (at < bytes.length) this.unread(bytes.subarray(0, at));
    }
  }

  /**
   * Blocking sockets: the next line as UTF-8 text, without its "\n" or "\r\n"; at the end of the stream
   * what is left, then null. Takes nothing beyond the line, and puts back what it had when it fails.
   *
   * @throws RangeError when a line is longer than `maxBytes`
   */
  readLine(maxBytes = 1 << 20): string | null {
    checkAmount(maxBytes, "longest line", "bytes");
    return readLine(
      maxBytes,
      (buffer) => this.#blocking(this.#receive(buffer, MSG_PEEK), "recv"),
      (bytes) => void this.#fill(bytes),
      (bytes) => this.unread(bytes),
    );
  }

  /** Puts received bytes back: they come again, first. They are kept here, where no selector sees them. */
  unread(buffer: Bytes): void {
    const bytes = bytesOf(buffer);
    const all = new Uint8Array(new ArrayBuffer(bytes.length + this.#ahead.length));
    all.set(bytes);
    all.set(this.#ahead, bytes.length);
    this.#ahead = all;
  }

  /** Takes what was put back and not received again, for the next owner of the descriptor. */
  takeUnread(): Uint8Array {
    const ahead = this.#ahead;
    this.#ahead = NOTHING;
    return ahead;
  }

  /**
   * What was put back, and behind it what the kernel has by now: who put back half a message would otherwise
   * receive no more than that, however often.
   */
  #receiveAhead(buffer: Uint8Array, flags: number): number {
    const count = Math.min(buffer.length, this.#ahead.length);
    buffer.set(this.#ahead.subarray(0, count));
    if (flags !== MSG_PEEK) this.#ahead = this.#ahead.subarray(count);
    const rest = buffer.subarray(count);
    if (rest.length === 0 || unreadBytes(this.fileno()) === 0) return count;
    return count + Math.max(0, c.recvBytes(this.fileno(), rest, rest.length, flags));
  }

  #receive(buffer: Uint8Array, flags: number): number {
    if (this.#ahead.length > 0) return this.#receiveAhead(buffer, flags);
    const size = Math.min(buffer.length, LARGEST_SEND);
    const get = () => c.recvBytes(this.fileno(), buffer, size, flags);
    return this.#result(uninterrupted(this.fileno(), "recv", get), "recv");
  }

  /** Blocking sockets: sends all of it. When it fails, some of it may have been sent. */
  sendAll(buffer: Bytes): void {
    const bytes = bytesOf(buffer);
    for (let at = 0; at < bytes.length;) at += this.#blocking(this.send(bytes, at), "send");
  }

  /** EAGAIN from a blocking socket means that its timeout has passed (socket(7), SO_RCVTIMEO). */
  #blocking(result: number, syscall: "recv" | "send"): number {
    if (result !== WOULD_BLOCK) return result;
    const message = `${ACTIONS[syscall]} ${this.peerName} in time (is the socket blocking?)`;
    throw new OSError(ERRNO.ETIMEDOUT!, syscall, message);
  }

  /** Ends one direction or both: "write" sends FIN, and the peer reads the end of the stream. */
  shutdown(how: "read" | "write" | "both"): void {
    options.shutdown(this.fileno(), how);
  }

  /** Sends small segments at once (TCP_NODELAY). */
  setNoDelay(on: boolean): void {
    options.setNoDelay(this.fileno(), on);
  }

  /** Probes the peer when idle (SO_KEEPALIVE). */
  setKeepAlive(on: boolean): void {
    options.setKeepAlive(this.fileno(), on);
  }

  /** SO_LINGER: null for the default; 0 seconds makes `close` reset the connection. */
  setLinger(seconds: number | null): void {
    options.setLinger(this.fileno(), seconds);
  }

  /**
   * The pending error, such as that of a failed connect or of a reset connection; null when there is none.
   * Clears it. Of an attempt to connect it also says that it has reached its own port (ECONNREFUSED).
   */
  takeError(): OSError | null {
    if (!this.#connecting) {
      return options.takeError(this.fileno(), "getsockopt", `go on with ${this.peerName}`);
    }
    const name = this.peerName;
    const error = connectError(this.fileno(), name);
    // Neither failed nor connected: the attempt goes on, and the next call is about it, too.
    this.#connecting = error === null && readAddress("getpeername", this.fileno()) === undefined;
    if (error) return error;
    return isConnectedToItself(this.fileno()) ? toItself(name) : null;
  }

  /**
   * Waits for an attempt to connect to end, at most `timeoutMs` milliseconds: true when connected,
   * false when it still goes on.
   *
   * @throws OSError when it failed
   */
  waitConnected(timeoutMs: number): boolean {
    const connected = finishConnect(this.fileno(), this.peerName, timeoutMs);
    if (connected) this.#connecting = false;
    return connected;
  }
}

/**
 * Two connected Unix stream sockets, non-blocking. On Windows TCP sockets of the loopback.
 *
 * @example
 * ```ts
 * import { socketPair } from "iomux";
 *
 * const [a, b] = socketPair();
 * a.send(new TextEncoder().encode("hello"));
 * const buffer = new Uint8Array(16);
 * const count = b.recv(buffer);
 * console.log(new TextDecoder().decode(buffer.subarray(0, count))); // hello
 * ```
 */
export function socketPair(): [Socket, Socket] {
  const [a, b] = newPair();
  return [Socket.fromFd(a), Socket.fromFd(b)];
}
