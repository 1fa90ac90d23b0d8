/** New sockets, non-blocking and close-on-exec from the start, on every system. */
import {
  AF_UNIX,
  FIONREAD,
  MSG_PEEK,
  SIOCOUTQ,
  SO_NOSIGPIPE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../constants.ts";
import { check, ERRNO, errno } from "../errno.ts";
import { ask, getOption, setOption } from "./option.ts";
import { Native, NULL, type Pointer } from "../ffi.ts";
import { loopbackPair } from "../windows/loopback_pair.ts";
import { c, isOpen, retry, setCloseOnExec, setNonBlocking } from "../posix.ts";
import { system } from "../system.ts";

/** Linux and FreeBSD make them so in one call; elsewhere the flags are 0 and calls of their own follow. */
const FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

function prepare(fd: number): number {
  if (FLAGS === 0) {
    setNonBlocking(fd, true);
    setCloseOnExec(fd);
    if (SO_NOSIGPIPE) setOption(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
  }
  return fd;
}

/** A socket of a domain (AF_INET, …): socket(2). */
export const newSocket = (domain: number, type: number = SOCK_STREAM): number =>
  prepare(check(c.socket(domain, type | FLAGS, 0), "socket", "create a socket"));

/**
 * The next connection of a listener, with its address where `address` is given: accept(2). Returns -1
 * and leaves errno behind when there is none.
 */
export function acceptFd(fd: number, address: Pointer = NULL, length: Pointer = NULL): number {
  if (FLAGS !== 0) return c.accept4(fd, address, length, FLAGS);
  const accepted = c.accept(fd, address, length);
  return accepted === -1 ? -1 : prepare(accepted);
}

const byte = new Native(8);

/** What a non-blocking socket has to receive, without receiving it; after an error its number. */
export function peek(fd: number): "unread" | "ended" | "nothing" | number {
  const waiting = retry(() => c.recv(fd, byte.pointer, 1, MSG_PEEK));
  if (waiting >= 0) return waiting > 0 ? "unread" : "ended";
  const error = errno();
  return error === ERRNO.EAGAIN ? "nothing" : error;
}

/** How many bytes a socket has to receive. */
export const unreadBytes = (fd: number): number => ask(fd, FIONREAD) ?? 0;

const SO_PEEK_OFF = 42;
/** Farther than anything that is received while it is counted. */
const FAR = 2 ** 30;

const peekFrom = (fd: number, from: number): boolean =>
  system === "linux" && setOption(fd, SOL_SOCKET, SO_PEEK_OFF, from) === 0;

/**
 * From now on counts what is received from a Unix socket, by this process or another: the kernel moves the
 * place that is peeked at (SO_PEEK_OFF) by as much, so that no process can peek meanwhile. False where it does
 * not.
 */
export const countReceived = (fd: number): boolean => peekFrom(fd, FAR);

/** How many bytes were received since `countReceived`; undefined when they were not counted. Ends that. */
export function receivedSince(fd: number): number | undefined {
  if (system !== "linux") return undefined;
  const left = getOption(fd, SOL_SOCKET, SO_PEEK_OFF) ?? -1;
  if (left < 0) return undefined;
  peekFrom(fd, -1);
  return FAR - left;
}

const SO_COOKIE = 57;
const cookie = new Native(8);
const cookieLength = new Native(8);

/**
 * Which socket a descriptor is, whatever its number (SO_COOKIE, since Linux 4.12); -1 for what is no
 * socket, or not open. Elsewhere all sockets are 0.
 */
export function socketIdentity(fd: number): number {
  if (system !== "linux") return isOpen(fd) ? 0 : -1;
  cookieLength.int32[0] = 8;
  const result = c.getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie.pointer, cookieLength.pointer);
  if (result === -1) return isOpen(fd) && errno() === ERRNO.ENOPROTOOPT ? 0 : -1;
  return (cookie.int32[0]! >>> 0) + cookie.int32[1]! * 2 ** 32;
}

const pair = new Native(8);

/** Two connected Unix stream sockets: socketpair(2). On Windows two TCP sockets of the loopback. */
export function newPair(): [number, number] {
  if (system === "windows") {
    const [a, b] = loopbackPair();
    return [prepare(a), prepare(b)];
  }
  const result = retry(() => c.socketpair(AF_UNIX, SOCK_STREAM | FLAGS, 0, pair.pointer));
  check(result, "socketpair", "create a socket pair");
  return [prepare(pair.int32[0]!), prepare(pair.int32[1]!)];
}

/** Bytes that a socket has sent and its peer's kernel has not acknowledged; 0 where the system does not say. */
export const bytesInTransit = (fd: number): number => SIOCOUTQ === -1 ? 0 : ask(fd, SIOCOUTQ) ?? 0;
