/** What stream and datagram sockets share: a descriptor, its addresses, its options. */
import { checkFlag } from "../sys/arguments.ts";
import { check } from "../sys/errno.ts";
import { closeFd, setNonBlocking } from "../sys/posix.ts";
import { type Address, formatAddress, readAddress } from "../sys/socket/sockaddr.ts";
import * as options from "./options.ts";

/**
 * What {@linkcode Socket} and {@linkcode DatagramSocket} have in common.
 *
 * @example
 * ```ts
 * import { type BaseSocket, formatAddress, Socket } from "iomux";
 *
 * const where = (socket: BaseSocket) => formatAddress(socket.localAddress);
 * using server = Socket.listen({ host: "127.0.0.1" });
 * console.log(where(server)); // e.g. 127.0.0.1:40373
 * ```
 */
export abstract class BaseSocket implements Disposable {
  #fd: number;
  /** The peer: what `connect` was asked to reach, or the address that accept(2) gave. */
  readonly #peer: string | Address | undefined;

  /** Called by the sockets of this library only. @internal */
  constructor(fd: number, peer: string | Address | undefined) {
    this.#fd = fd;
    this.#peer = peer;
  }

  /** The descriptor; -1 once closed or detached. */
  fileno(): number {
    return this.#fd;
  }

  /** Where the socket is bound. */
  get localAddress(): Address {
    return this.#address("getsockname");
  }

  /** The local port; 0 for a Unix socket. */
  get port(): number {
    const address = this.localAddress;
    return address.family === "unix" ? 0 : address.port;
  }

  /**
   * Whom the socket is connected to. An accepted socket has it from accept(2), and keeps it when the peer
   * has reset the connection.
   *
   * @throws OSError ENOTCONN when it is not connected
   */
  get remoteAddress(): Address {
    const known = this.#fd >= 0 && typeof this.#peer === "object";
    return known ? this.#peer as Address : this.#address("getpeername");
  }

  #address(syscall: "getsockname" | "getpeername"): Address {
    const side = syscall === "getsockname" ? "local" : "remote";
    const address = readAddress(syscall, this.#fd);
    return address ??
      check(-1, syscall, `read the ${side} address of descriptor ${this.#fd}`) as never;
  }

  /** What error messages call the other end: "127.0.0.1:80", "unix:PATH", "descriptor 5". */
  get peerName(): string {
    if (typeof this.#peer === "string") return this.#peer;
    try {
      return formatAddress(this.remoteAddress);
    } catch {
      return this.#fd < 0 ? "a closed socket" : `descriptor ${this.#fd}`;
    }
  }

  /** Makes calls wait (true), or return WOULD_BLOCK or null at once (false). */
  setBlocking(blocking: boolean): void {
    setNonBlocking(this.#fd, !checkFlag(blocking, "value of setBlocking"));
  }

  /**
   * How long blocking calls wait at most, in milliseconds; 0 for no limit. `recvExactly`, `readLine` and
   * `sendAll` are several calls: each part of what they wait for may take as long. On Windows `recv` then throws
   * ETIMEDOUT instead of returning WOULD_BLOCK, and the connection should be closed (SO_RCVTIMEO).
   */
  setTimeouts(limits: { recvMs?: number; sendMs?: number }): void {
    options.setTimeouts(this.#fd, limits);
  }

  /** Sizes of the kernel's buffers in bytes (SO_SNDBUF, SO_RCVBUF). */
  setBuffers(sizes: { sendBytes?: number; recvBytes?: number }): void {
    options.setBuffers(this.#fd, sizes);
  }

  /** The sizes of the kernel's buffers in bytes. */
  getBuffers(): { sendBytes: number; recvBytes: number } {
    return options.getBuffers(this.#fd);
  }

  /** Gives the descriptor away: the socket is closed, the descriptor stays open. */
  detach(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  /**
   * Closes the descriptor. May be called again. The file of a bound Unix socket stays, and bind(2) refuses its
   * path (EADDRINUSE) until the file is removed: unix(7).
   */
  close(): void {
    if (this.#fd >= 0) closeFd(this.detach());
  }

  /** `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
