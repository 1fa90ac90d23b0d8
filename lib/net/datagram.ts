/** Datagram sockets: UDP over IPv4 and IPv6, and Unix datagrams. See udp(7), unix(7). */
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  MSG_NOSIGNAL,
  SO_BROADCAST,
  SO_REBIND,
  SO_REUSEPORT,
  SOCK_DGRAM,
  SOL_SOCKET,
} from "../sys/constants.ts";
import { type Datagram, receiveDatagram, sendDatagram } from "../sys/socket/datagrams.ts";
import { check, ERRNO, errno, OSError } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import { c, closeFd } from "../sys/posix.ts";
import {
  checkPort,
  hostAndPort,
  packAddress,
  readAddress,
  SOCKADDR_SIZE,
} from "../sys/socket/sockaddr.ts";
import { newSocket } from "../sys/socket/sockets.ts";
import { checkFlag, checkInteger, checkOptionalFlag, checkText } from "../sys/arguments.ts";
import { type Bytes, bytesOf, checkEndpoint, ENDPOINT, numericHosts } from "./arguments.ts";
import { BaseSocket } from "./base.ts";
import { TIMED_OUT, uninterrupted } from "./blocking/interrupted.ts";
import * as multicast from "./multicast.ts";
import { setInt, takeError } from "./options.ts";

/**
 * Where a datagram goes: an IP address (or "localhost") and a port, or the path of a Unix socket.
 *
 * @example
 * ```ts
 * import { type DatagramAddress, DatagramSocket } from "iomux";
 *
 * using server = DatagramSocket.bind({ host: "127.0.0.1" });
 * using client = DatagramSocket.bind({ host: "127.0.0.1" });
 * const to: DatagramAddress = { host: "127.0.0.1", port: server.port };
 * console.log(client.sendTo(new TextEncoder().encode("hello"), to)); // 5
 * ```
 */
export type DatagramAddress =
  | { readonly host?: string; readonly port: number }
  | { readonly path: string };

/**
 * What a datagram socket is bound to, or connected from.
 *
 * @example
 * ```ts
 * import { type BindOptions, DatagramSocket } from "iomux";
 *
 * const options: BindOptions = { host: "127.0.0.1", port: 0 };
 * using socket = DatagramSocket.bind(options);
 * console.log(socket.port > 0); // true
 * ```
 */
export interface BindOptions {
  /** An IP address or "localhost"; default "0.0.0.0". */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** The path of a Unix socket, instead of host and port. Closing leaves its file. */
  readonly path?: string;
  /** Lets several sockets receive on one port: SO_REUSEADDR, as listeners of multicast need it. */
  readonly reuseAddress?: boolean;
  /** Spreads datagrams over the sockets of one port (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  /** For "::": no IPv4. */
  readonly v6Only?: boolean;
}

const target = new Native(SOCKADDR_SIZE);

/** The first address of a host for a synchronous call, which can't ask a resolver. */
const numeric = (host: string) => numericHosts(host)[0]!;

/** An IP address and a port, or the path of a Unix socket. */
type Endpoint = { host: string; port: number } | string;

const domainOf = (to: Endpoint) =>
  typeof to === "string" ? AF_UNIX : to.host.includes(":") ? AF_INET6 : AF_INET;

const show = (to: Endpoint) =>
  typeof to === "string" ? `unix:${to}` : hostAndPort(to.host, to.port);

/** The endpoint that options name; `any` is the host where they name none. @throws TypeError, RangeError */
function endpointOf(
  options: BindOptions,
  known: readonly string[],
  any: string,
  defaultPort?: number,
): Endpoint {
  checkEndpoint(options, known);
  const { path, host = any, port = defaultPort } = options;
  return path === undefined
    ? { host: numeric(host), port: checkPort(port) }
    : checkText(path, "path");
}

const endpoint = (to: DatagramAddress): Endpoint => endpointOf(to, ENDPOINT, "127.0.0.1");

/** The endpoint to bind to. */
function localOf(options: BindOptions, any: string): Endpoint {
  const local = endpointOf(options, [...ENDPOINT, ...FLAGS], any, 0);
  for (const flag of FLAGS) checkOptionalFlag(options[flag], flag);
  return local;
}

const FLAGS = ["reuseAddress", "reusePort", "v6Only"] as const;

function bindTo(fd: number, local: Endpoint, options: BindOptions): void {
  if (options.reuseAddress) setInt(fd, SOL_SOCKET, SO_REBIND, 1);
  if (options.reusePort) setInt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (domainOf(local) === AF_INET6) {
    setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6Only ? 1 : 0);
  }
  const length = packAddress(target.view, local);
  check(c.bind(fd, target.pointer, length), "bind", `bind ${show(local)}`);
}

/**
 * A datagram socket. It starts non-blocking and close-on-exec, and is registered with a selector like any
 * other. A datagram arrives whole or not at all; one of no bytes is a datagram, and no end.
 *
 * @example
 * ```ts
 * import { createSelector, DatagramSocket, EVENT_READ } from "iomux";
 *
 * using server = DatagramSocket.bind({ host: "127.0.0.1" });
 * using client = DatagramSocket.connect({ host: "127.0.0.1", port: server.port });
 * using selector = createSelector();
 * selector.register(server, EVENT_READ);
 * client.send(new TextEncoder().encode("ping"));
 * selector.select(1000);
 * const { bytes, from } = server.recvFrom(new Uint8Array(1500))!;
 * console.log(bytes, from!.family); // 4 ipv4
 * ```
 */
export class DatagramSocket extends BaseSocket {
  readonly #family: number;

  private constructor(fd: number, family: number, peer?: string) {
    super(fd, peer);
    this.#family = family;
  }

  /**
   * A socket that receives what is sent to its address, whatever the sender.
   *
   * @throws OSError EADDRINUSE, EACCES, EADDRNOTAVAIL
   */
  static override bind(options: BindOptions = {}): DatagramSocket {
    const local = localOf(options, "0.0.0.0");
    return DatagramSocket.#make(domainOf(local), undefined, (fd) => bindTo(fd, local, options));
  }

  /**
   * A socket that sends to one address, and receives from it alone; `from` chooses its own address. An
   * answer of ICMP that no socket listens there shows up as ECONNREFUSED in a later `send` or `recv`.
   */
  static connect(to: DatagramAddress, from?: BindOptions): DatagramSocket {
    const peer = endpoint(to);
    const family = domainOf(peer);
    const any = family === AF_INET6 ? "::" : "0.0.0.0";
    const local = from === undefined ? undefined : localOf(from, any);
    return DatagramSocket.#make(family, show(peer), (fd) => {
      if (local !== undefined) bindTo(fd, local, from!);
      const length = packAddress(target.view, peer);
      check(c.connect(fd, target.pointer, length), "connect", `connect to ${show(peer)}`);
    });
  }

  /** Takes over a descriptor, in the blocking mode it is in. The socket closes it from now on. */
  static fromFd(fd: number): DatagramSocket {
    const address = readAddress("getsockname", checkInteger(fd, "descriptor", -1, 0x7fffffff));
    const family = address?.family ?? check(-1, "getsockname", `use descriptor ${fd}`);
    return new DatagramSocket(
      fd,
      family === "unix" ? AF_UNIX : family === "ipv6" ? AF_INET6 : AF_INET,
    );
  }

  static #make(
    family: number,
    peer: string | undefined,
    prepare: (fd: number) => void,
  ): DatagramSocket {
    const fd = newSocket(family, SOCK_DGRAM);
    try {
      prepare(fd);
      return new DatagramSocket(fd, family, peer);
    } catch (error) {
      closeFd(fd);
      throw error;
    }
  }

  /** Sends one datagram to an address: how many bytes it has, or WOULD_BLOCK (-1). */
  sendTo(buffer: Bytes, to: DatagramAddress): number {
    const bytes = bytesOf(buffer);
    const peer = endpoint(to);
    const length = packAddress(target.view, peer);
    const send = () => sendDatagram(this.fileno(), bytes, MSG_NOSIGNAL, target.pointer, length);
    return this.#sent(uninterrupted(this.fileno(), "send", send), show(peer));
  }

  /** Sends one datagram to the address that the socket is connected to. */
  send(buffer: Bytes): number {
    const bytes = bytesOf(buffer);
    const send = () => sendDatagram(this.fileno(), bytes, MSG_NOSIGNAL);
    return this.#sent(uninterrupted(this.fileno(), "send", send), this.peerName);
  }

  #sent(result: number, to: string): number {
    if (result >= 0) return result;
    if (result === TIMED_OUT || errno() === ERRNO.EAGAIN) return -1;
    throw new OSError(errno(), "send", `send a datagram to ${to}`);
  }

  /** Receives one datagram into `buffer`; null when none is waiting. */
  recvFrom(buffer: Bytes): Datagram | null {
    const bytes = bytesOf(buffer);
    if (bytes.length === 0) throw new RangeError("Cannot receive into an empty buffer");
    const receive = () => receiveDatagram(this.fileno(), bytes);
    const received = uninterrupted(this.fileno(), "recv", receive);
    if (typeof received === "object") return received;
    if (received === TIMED_OUT || errno() === ERRNO.EAGAIN) return null;
    throw new OSError(errno(), "recv", `receive from ${this.peerName}`);
  }

  /** As `recvFrom`, for one peer: the number of bytes (0 is an empty datagram), or WOULD_BLOCK (-1). */
  recv(buffer: Bytes): number {
    return this.recvFrom(buffer)?.bytes ?? -1;
  }

  /** Allows sending to a broadcast address (SO_BROADCAST). */
  setBroadcast(on: boolean): void {
    setInt(this.fileno(), SOL_SOCKET, SO_BROADCAST, checkFlag(on, "value of SO_BROADCAST") ? 1 : 0);
  }

  /**
   * Receives what is sent to a multicast group, on an interface: its IPv4 address, or for IPv6 its name
   * or number; without one the kernel chooses by its routes.
   */
  joinMulticast(group: string, iface?: string): void {
    multicast.membership(this.fileno(), group, iface, true);
  }

  /** Ends what `joinMulticast` has begun. */
  leaveMulticast(group: string, iface?: string): void {
    multicast.membership(this.fileno(), group, iface, false);
  }

  /** How multicast datagrams leave: over how many routers, back to this machine, on which interface. */
  setMulticast(options: { hops?: number; loop?: boolean; iface?: string }): void {
    multicast.outgoing(this.fileno(), this.#family === AF_INET6, options);
  }

  /** The pending error, which asking clears: ECONNREFUSED after an answer of ICMP. */
  takeError(): OSError | null {
    return takeError(this.fileno(), "getsockopt", `send a datagram to ${this.peerName}`);
  }
}
