/** Making connected descriptors: socket(2), bind(2), connect(2). */
import {
  IP_BIND_ADDRESS_NO_PORT,
  IPPROTO_IP,
  POLLOUT,
  SO_REUSEADDR,
  SOL_SOCKET,
} from "../sys/constants.ts";
import { check, ERRNO, errno, OSError } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import { pollFor } from "../sys/poll.ts";
import { c, closeFd, setNonBlocking } from "../sys/posix.ts";
import {
  checkPort,
  hostAndPort,
  isConnectedToItself,
  packAddress,
  SOCKADDR_SIZE,
} from "../sys/socket/sockaddr.ts";
import { newSocket, unreadBytes } from "../sys/socket/sockets.ts";
import { system } from "../sys/system.ts";
import { checkText } from "../sys/arguments.ts";
import { briefDuration } from "../text/words.ts";
import { familyOf } from "../sys/socket/ip.ts";
import { checkDuration, checkEndpoint, ENDPOINT, familyOfBind, numericHosts } from "./arguments.ts";
import { domainOf } from "./listen.ts";
import { setInt, setTimeouts, takeError } from "./options.ts";

/**
 * Where to connect, and from where.
 *
 * @example
 * ```ts
 * import { type ConnectOptions, Socket } from "iomux";
 *
 * using server = Socket.listen({ host: "127.0.0.1" });
 * const { port } = server;
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
  /** The path of a Unix socket, instead of host and port; "@NAME" for an abstract one (Linux). */
  path?: string;
  /** The local address. */
  bind?: { host: string; port?: number };
  /** Wait until connected, for at most this long in milliseconds. */
  timeoutMs?: number;
}

const KNOWN = [...ENDPOINT, "bind", "timeoutMs"];
const sockaddr = new Native(SOCKADDR_SIZE);

/** What error messages call the target of a connect. */
export function targetName({ path, host = "127.0.0.1", port = 0 }: ConnectOptions): string {
  if (path !== undefined) return `unix:${path}`;
  if (last.host !== host || last.port !== port) {
    last = { host, port, name: hostAndPort(host, port) };
  }
  return last.name;
}

/** Many sockets in a row go to the same target, and then keep one string. */
let last = { host: "", port: 0, name: "" };

/** Checks the options of a connect, and returns the addresses to try; undefined for a Unix socket. */
export function addressesToTry(options: ConnectOptions): string[] | undefined {
  checkEndpoint(options, KNOWN);
  const { path, host = "127.0.0.1", port = 0, bind, timeoutMs } = options;
  if (timeoutMs !== undefined) checkDuration(timeoutMs);
  const family = familyOfBind(bind);
  if (path !== undefined) {
    checkText(path, "path");
    return undefined;
  }
  checkPort(port);
  return numericHosts(host, family);
}

/**
 * A non-blocking descriptor that is connected or connecting, to one of the addresses, or to the Unix
 * socket of the options. With `timeoutMs` it is connected.
 */
export function openConnection(host: string | undefined, options: ConnectOptions): number {
  const { path, port = 0, bind, timeoutMs } = options;
  const name = host === undefined ? targetName(options) : targetName({ host, port });
  const fd = newSocket(domainOf(host));
  try {
    if (bind) bindTo(fd, numericHosts(bind.host, familyOf(host ?? ""))[0]!, bind.port ?? 0);
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
      if (!finished && timeoutMs !== undefined) throw lateFor(name, timeoutMs);
    } else refuseItself(fd, name);
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** A Unix socket whose backlog is full refuses at once (EAGAIN, connect(2)): how soon a loop tries again. */
export const BACKLOG_MS = 2;

/** The error of a connect that took too long. */
export const lateFor = (name: string, timeoutMs: number): OSError =>
  new OSError(ERRNO.ETIMEDOUT!, "connect", `connect to ${name} within ${briefDuration(timeoutMs)}`);

function bindTo(fd: number, host: string, port: number): void {
  if (port === 0) leavePortToConnect(fd);
  else if (SO_REUSEADDR !== -1) setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  const length = packAddress(sockaddr.view, { host, port });
  check(c.bind(fd, sockaddr.pointer, length), "bind", `bind ${hostAndPort(host, port)}`);
}

/** Else a port is taken for connections to anywhere, and an address has only 28,000 of them. */
function leavePortToConnect(fd: number): void {
  if (IP_BIND_ADDRESS_NO_PORT === -1) return;
  try {
    setInt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  } catch {
    // Kernels before 4.2 do not know it: the port is chosen at once.
  }
}

/**
 * Connects a Unix socket to a listener whose backlog is full (EAGAIN). No readiness says when there is
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
 * How a connect has failed; null when it has not. What is reset had been connected: a port on which nothing
 * listens refuses. Linux keeps what came before a reset: the error stands behind it, and is not taken before
 * that. Nothing comes behind a reset, so all has arrived once poll(2) reports the error.
 */
export function connectError(fd: number, name: string): OSError | null {
  if (system === "linux" && (pollFor(fd, 0, 0) === 0 || unreadBytes(fd) > 0)) return null;
  const error = takeError(fd, "connect", `connect to ${name}`);
  if (error?.code !== "ECONNRESET") return error;
  return new OSError(error.errno, "recv", `receive from ${name}`);
}

/**
 * Waits for an attempt to connect to end: true when connected, false when it still goes on.
 *
 * @throws OSError when it failed
 */
export function finishConnect(fd: number, name: string, timeoutMs: number): boolean {
  checkDuration(timeoutMs);
  // poll(2) waits in vain for a number below 0.
  if (fd < 0) throw new OSError(ERRNO.EBADF!, "poll", `wait for ${name}`);
  const deadline = performance.now() + timeoutMs;
  for (let left = timeoutMs;; left = Math.max(0, deadline - performance.now())) {
    const ready = pollFor(fd, POLLOUT, left);
    if (ready > 0) {
      const error = connectError(fd, name);
      if (error) throw error;
      refuseItself(fd, name);
      return true;
    }
    if (ready === 0 && left === 0) return false;
    // After a signal once more, with what is left, though it is nothing: the thread may have been stopped.
    if (ready === -1 && errno() !== ERRNO.EINTR) check(-1, "poll", `wait for ${name}`);
  }
}

/**
 * A connect to a port of this machine that happens to get this very port as its own reaches itself, where
 * nothing listens (a simultaneous open, RFC 9293 3.5): no connection to a server.
 */
function refuseItself(fd: number, name: string): void {
  if (isConnectedToItself(fd)) throw toItself(name);
}

/** The error of a connection whose two ends are one. */
export const toItself = (name: string): OSError =>
  new OSError(ERRNO.ECONNREFUSED!, "connect", `connect to ${name} (it reached its own port)`);
