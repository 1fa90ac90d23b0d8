/** Integers that the system keeps of a socket: getsockopt(2), setsockopt(2), ioctl(2). */
import { SO_ACCEPTCONN, SOL_SOCKET } from "../constants.ts";
import { Native } from "../ffi.ts";
import { c } from "../posix.ts";

const value = new Native(8);
const length = new Native(8);

/** The value of an option; undefined leaves errno behind. */
export function getOption(fd: number, level: number, option: number): number | undefined {
  length.int32[0] = 4;
  const result = c.getsockopt(fd, level, option, value.pointer, length.pointer);
  return result === -1 ? undefined : value.int32[0]!;
}

/** Sets an option; -1 leaves errno behind. */
export function setOption(fd: number, level: number, option: number, to: number): number {
  value.int32[0] = to;
  return c.setsockopt(fd, level, option, value.pointer, 4);
}

/** The answer to a request of ioctl(2), such as FIONREAD; undefined leaves errno behind. */
export const ask = (fd: number, request: number): number | undefined =>
  c.ioctl(fd, request, value.pointer) === -1 ? undefined : value.int32[0]!;

/** Whether the socket listens; false for what is no socket, too. */
export const isListening = (fd: number): boolean =>
  (getOption(fd, SOL_SOCKET, SO_ACCEPTCONN) ?? 0) !== 0;
