/** Making listening and connected descriptors: socket(2), bind(2), listen(2), connect(2). */
import { check, ERRNO, errno, OSError } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IP_BIND_ADDRESS_NO_PORT,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  POLLOUT,
  SO_REBIND,
  SO_REUSEPORT,
  SOL_SOCKET,
} from "../sys/constants.ts";
import { pollFor } from "../sys/poll.ts";
import { newSocket } from "../sys/sockets.ts";
import { c, closeFd, setNonBlocking } from "../sys/posix.ts";
import { packAddress, SOCKADDR_SIZE } from "../sys/sockaddr.ts";
import { literalAddresses } from "./address.ts";
import { checkDuration, setInt, setTimeouts, takeError } from "./options.ts";

/**
 * Where and how to listen.
 *
 * @example
 * ```ts
 * import { type ListenOptions, Socket } from "iomux";
 *
 * const options: ListenOptions = { host: "127.0.0.1", port: 0, backlog: 128 };
 * using server = Socket.listen(options);
 * console.log(server.accept()); // null
 * ```
 */
export interface ListenOptions {
  /** An IP address or "localhost"; default "0.0.0.0". */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** The path of a Unix socket, instead of host and port. */
  path?: string;
  /** How many connections the kernel keeps until they are accepted; default 4096. See listen(2). */
  backlog?: number;
  /** Lets several sockets listen on one port, with connections spread over them (SO_REUSEPORT). */
  reusePort?: boolean;
  /** For "::": no IPv4. */
  v6Only?: boolean;
}

/**
 * Where to connect, and from where.
 *
 * @example
 * ```ts
 * import { type ConnectOptions, Socket } from "iomux";
 *
 * using server = Socket.listen({ host: "127.0.0.1" });
 * const { port } = server.localAddress as { port: number };
 * const options: ConnectOptions = { port, bind: { host: "127.0.0.2" }, timeoutMs: 1000 };
 * using client = Socket.connect(options);
 * console.log((client.localAddress as { host: string }).host); // 127.0.0.2
 * ```
 */
export interface ConnectOptions {
  /** An IP address or "localhost"; default "127.0.0.1". */
  host?: string;
  /** The port to connect to. */
  port?: number;
  /** The path of a Unix socket, instead of host and port. */
  path?: string;
  /** The local address. */
  bind?: { host: string; port?: number };
  /** Wait until connected, for at most this long in milliseconds. */
  timeoutMs?: number;
}

const sockaddr = new Native(SOCKADDR_SIZE);

/** One address for a synchronous call, which cannot ask a resolver. */
function numeric(host: string): string {
  const [address] = literalAddresses(host) ?? [];
  if (address !== undefined) return address;
  throw new RangeError(
    `Cannot use the host name "${host}" here: resolve it with resolveHost first`,
  );
}

function createSocket(host: string | undefined): number {
  return newSocket(host === undefined ? AF_UNIX : host.includes(":") ? AF_INET6 : AF_INET);
}

/** What error messages call the target of a connect. */
export function targetName({ path, host = "127.0.0.1", port = 0 }: ConnectOptions): string {
  if (path !== undefined) return `unix:${path}`;
  if (last.host !== host || last.port !== port) last = { host, port, name: show(host, port) };
  return last.name;
}

/** Many sockets in a row go to the same target, and then keep one string. */
let last = { host: "", port: 0, name: "" };

const show = (host: string, port: number) =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** A listening, non-blocking descriptor. */
export function openListener(options: ListenOptions): number {
  const { path, port = 0, backlog = 4096 } = options;
  const host = path === undefined ? numeric(options.host ?? "0.0.0.0") : undefined;
  const target = host === undefined ? path! : { host, port };
  const name = host === undefined ? `unix:${path}` : show(host, port);
  const length = packAddress(sockaddr.view, target);
  const fd = createSocket(host);
  try {
    if (host !== undefined) setInt(fd, SOL_SOCKET, SO_REBIND, 1);
    if (options.reusePort && SO_REUSEPORT === -1) {
      throw new OSError(ERRNO.ENOPROTOOPT!, "setsockopt", `share ${name} (no SO_REUSEPORT here)`);
    }
    if (options.reusePort) setInt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (host?.includes(":")) setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6Only ? 1 : 0);
    check(c.bind(fd, sockaddr.pointer, length), "bind", `bind ${name}`);
    check(c.listen(fd, backlog), "listen", `listen on ${name}`);
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** A non-blocking descriptor that is connected or connecting. */
export function openConnection(options: ConnectOptions): number {
  const { path, port = 0, bind, timeoutMs } = options;
  if (timeoutMs !== undefined) checkDuration(timeoutMs);
  const host = path === undefined ? numeric(options.host ?? "127.0.0.1") : undefined;
  const name = targetName(options);
  const fd = createSocket(host);
  try {
    if (bind) {
      const local = { host: numeric(bind.host), port: bind.port ?? 0 };
      if (!bind.port) leavePortToConnect(fd);
      const length = packAddress(sockaddr.view, local);
      const action = `bind ${show(local.host, local.port)}`;
      check(c.bind(fd, sockaddr.pointer, length), "bind", action);
    }
    const length = packAddress(sockaddr.view, host === undefined ? path! : { host, port });
    if (c.connect(fd, sockaddr.pointer, length) === -1) {
      const error = errno();
      let finished: boolean;
      // EINTR: the attempt goes on (connect(2)), exactly as after EINPROGRESS.
      if (error === ERRNO.EINPROGRESS || error === ERRNO.EINTR) {
        finished = finishConnect(fd, name, timeoutMs ?? 0);
      } else if (error === ERRNO.EAGAIN && host === undefined && timeoutMs) {
        finished = connectWhenRoom(fd, length, name, timeoutMs);
      } else {
        throw new OSError(error, "connect", `connect to ${name}`);
      }
      if (!finished && timeoutMs !== undefined) {
        throw new OSError(ERRNO.ETIMEDOUT!, "connect", `connect to ${name} within ${timeoutMs} ms`);
      }
    }
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Else a port is taken for connections to anywhere, and an address has only 28,000 of them. */
function leavePortToConnect(fd: number): void {
  if (IP_BIND_ADDRESS_NO_PORT === -1) return;
  try {
    setInt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  } catch {
    // Kernels before 4.2 do not know it: the port is chosen at once, as ever.
  }
}

/**
 * Connects a Unix socket to a listener whose backlog is full (EAGAIN). No readiness tells when there is
 * room, so it waits within connect(2), see unix(7): true when connected, false when it took too long.
 */
function connectWhenRoom(fd: number, length: number, name: string, timeoutMs: number): boolean {
  const deadline = performance.now() + timeoutMs;
  setNonBlocking(fd, false);
  for (let left = timeoutMs; left > 0; left = deadline - performance.now()) {
    setTimeouts(fd, { sendMs: left });
    if (c.connect(fd, sockaddr.pointer, length) === 0) {
      setTimeouts(fd, { sendMs: 0 });
      setNonBlocking(fd, true);
      return true;
    }
    const error = errno();
    if (error !== ERRNO.EAGAIN && error !== ERRNO.EINTR) {
      throw new OSError(error, "connect", `connect to ${name}`);
    }
  }
  return false;
}

/**
 * Waits for an attempt to connect to end: true when connected, false when it still goes on.
 *
 * @throws OSError when it failed
 */
export function finishConnect(fd: number, name: string, timeoutMs: number): boolean {
  checkDuration(timeoutMs);
  const deadline = performance.now() + timeoutMs;
  for (let left = timeoutMs;; left = deadline - performance.now()) {
    const ready = pollFor(fd, POLLOUT, Math.max(left, 0));
    if (ready === -1 && errno() !== ERRNO.EINTR) check(-1, "poll", `wait for ${name}`);
    if (ready > 0) {
      const error = takeError(fd, `connect to ${name}`);
      if (error) throw error;
      return true;
    }
    if (left <= 0) return false;
  }
}
