/** Socket options: setsockopt(2), socket(7), tcp(7). */
import { check, ERRNO, errno, OSError } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import {
  IPPROTO_TCP,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_RCVBUF,
  SO_RCVTIMEO,
  SO_SNDBUF,
  SO_SNDTIMEO,
  SOL_SOCKET,
  TCP_NODELAY,
} from "../sys/constants.ts";
import { c } from "../sys/posix.ts";
import { getOption, setOption } from "../sys/socket/option.ts";
import { isBsd, system } from "../sys/system.ts";
import { checkFlag, checkInteger, checkOptions, checkWord } from "../sys/arguments.ts";
import { checkDuration } from "./arguments.ts";

const WINDOWS = system === "windows";
const value = new Native(16);
const length = new Native(8);

export function setInt(fd: number, level: number, option: number, to: number): void {
  check(setOption(fd, level, option, to), "setsockopt", `set an option of descriptor ${fd}`);
}

export const getInt = (fd: number, level: number, option: number): number =>
  getOption(fd, level, option) ??
    check(-1, "getsockopt", `read an option of descriptor ${fd}`);

/** Takes the pending error (SO_ERROR), which reading clears; `action` completes "Cannot …". */
export function takeError(fd: number, syscall: string, action: string): OSError | null {
  const number = getInt(fd, SOL_SOCKET, SO_ERROR);
  return number === 0 ? null : new OSError(number, syscall, action);
}

/**
 * What setsockopt(2) says of TCP_NODELAY on a Unix socket: EOPNOTSUPP; BSDs EINVAL, and macOS that also
 * of a connection that was reset meanwhile.
 */
const noDelayMissing = (error: number) =>
  error === ERRNO.EOPNOTSUPP || (isBsd && (error === ERRNO.EINVAL || error === ERRNO.ENOPROTOOPT));

/** Sends small segments at once (TCP_NODELAY); without effect on Unix sockets, which have no delay. */
export function setNoDelay(fd: number, on: boolean): void {
  const to = checkFlag(on, "value of TCP_NODELAY") ? 1 : 0;
  // Not asked first whether it is TCP: this is called for every connection.
  const result = setOption(fd, IPPROTO_TCP, TCP_NODELAY, to);
  if (result === -1 && !noDelayMissing(errno())) check(-1, "setsockopt", "set TCP_NODELAY");
}

const SHUTDOWN = { read: SHUT_RD, write: SHUT_WR, both: SHUT_RDWR };

export function shutdown(fd: number, how: "read" | "write" | "both"): void {
  checkWord(how, "direction", ["read", "write", "both"]);
  check(c.shutdown(fd, SHUTDOWN[how]), "shutdown", `shut down (${how})`);
}

/** Probes idle connections (SO_KEEPALIVE). */
export const setKeepAlive = (fd: number, on: boolean): void =>
  setInt(fd, SOL_SOCKET, SO_KEEPALIVE, checkFlag(on, "value of SO_KEEPALIVE") ? 1 : 0);

/** Sizes of the kernel's buffers in bytes; Linux doubles what is set, and reads back the double. */
export function setBuffers(fd: number, sizes: { sendBytes?: number; recvBytes?: number }): void {
  checkOptions(sizes, ["sendBytes", "recvBytes"]);
  for (const bytes of [sizes.sendBytes, sizes.recvBytes]) {
    if (bytes !== undefined) checkInteger(bytes, "size of a buffer", 0, 0x7fffffff);
  }
  if (sizes.sendBytes !== undefined) setInt(fd, SOL_SOCKET, SO_SNDBUF, sizes.sendBytes);
  if (sizes.recvBytes !== undefined) setInt(fd, SOL_SOCKET, SO_RCVBUF, sizes.recvBytes);
}

/** The sizes of the kernel's buffers in bytes. */
export const getBuffers = (fd: number): { sendBytes: number; recvBytes: number } => ({
  sendBytes: getInt(fd, SOL_SOCKET, SO_SNDBUF),
  recvBytes: getInt(fd, SOL_SOCKET, SO_RCVBUF),
});

/** SO_LINGER: null for the default; 0 seconds makes `close` reset the connection. */
export function setLinger(fd: number, seconds: number | null): void {
  if (seconds !== null) checkInteger(seconds, "time to linger", 0, 0x7fffffff);
  const [on, time] = [seconds === null ? 0 : 1, seconds ?? 0];
  // struct linger: two ints; on Windows two shorts.
  if (WINDOWS) value.int32[0] = on | Math.min(time, 0xffff) << 16;
  else value.int32.set([on, time]);
  const size = WINDOWS ? 4 : 8;
  check(
    c.setsockopt(fd, SOL_SOCKET, SO_LINGER, value.pointer, size),
    "setsockopt",
    "set SO_LINGER",
  );
}

/** On Windows a timeout is a DWORD of milliseconds, and what does not fit is no limit. */
const dwordOf = (ms: number) => ms > 0x7fffffff ? 0 : Math.ceil(ms);

/** How long blocking calls wait at most, in milliseconds; 0 for no limit (SO_RCVTIMEO, SO_SNDTIMEO). */
export function setTimeouts(fd: number, limits: { recvMs?: number; sendMs?: number }): void {
  checkOptions(limits, ["recvMs", "sendMs"]);
  for (
    const [option, ms] of [[SO_RCVTIMEO, limits.recvMs], [SO_SNDTIMEO, limits.sendMs]] as const
  ) {
    if (ms === undefined) continue;
    checkDuration(ms);
    if (WINDOWS) {
      setInt(fd, SOL_SOCKET, option, dwordOf(ms));
      continue;
    }
    // What is longer than a signed 32-bit number of seconds is no limit.
    const microseconds = ms > 0x7fffffff * 1000 ? 0 : Math.ceil(ms * 1000);
    const seconds = Math.floor(microseconds / 1e6);
    value.int32.set([seconds, 0, microseconds - seconds * 1e6, 0]);
    check(c.setsockopt(fd, SOL_SOCKET, option, value.pointer, 16), "setsockopt", "set a timeout");
  }
}

/** The timeout of blocking calls in one direction, in milliseconds; 0 for none. */
export function getTimeout(fd: number, direction: "recv" | "send"): number {
  const option = direction === "recv" ? SO_RCVTIMEO : SO_SNDTIMEO;
  length.int32[0] = 16;
  const result = c.getsockopt(fd, SOL_SOCKET, option, value.pointer, length.pointer);
  check(result, "getsockopt", "read a timeout");
  return WINDOWS ? value.int32[0]! : value.int32[0]! * 1000 + value.int32[2]! / 1000;
}
