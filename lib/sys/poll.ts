/** poll(2) with the finest timeout that the system has, and its struct pollfd. */
import { Native, NULL, type Pointer } from "./ffi.ts";
import { c } from "./posix.ts";
import { selectOne } from "./windows/select_one.ts";
import { on, system } from "./system.ts";
import { Timespec } from "./time.ts";

/**
 * struct pollfd { int fd; short events; short revents; }; on 64-bit Windows WSAPOLLFD begins with a
 * SOCKET of 8 bytes.
 */
export const POLLFD: { readonly size: number; readonly events: number; readonly revents: number } =
  on(
    { size: 8, events: 4, revents: 6 },
    { size: 8, events: 4, revents: 6 },
    { size: 8, events: 4, revents: 6 },
    { size: 16, events: 8, revents: 10 },
  );

const time = new Timespec();
const PRECISE: boolean = on(true, false, true, false);
const MAX_MS = 0x7fffffff;

/**
 * Waits for at most `timeoutMs` (Infinity: for ever), rounded up to nanoseconds with ppoll(2), or to
 * milliseconds where that is missing. Returns what poll(2) returns.
 */
export function pollList(list: Pointer, count: number, timeoutMs: number): number {
  if (PRECISE) return c.ppoll(list, count, time.set(timeoutMs), NULL);
  return c.poll(list, count, timeoutMs === Infinity ? -1 : Math.min(Math.ceil(timeoutMs), MAX_MS));
}

const single = new Native(POLLFD.size);

/**
 * As `pollList`, for one descriptor and the POLL* bits in `events`. On Windows by select(), because
 * WSAPoll reports a failed connect since Windows 10 2004 only.
 */
export function pollFor(fd: number, events: number, timeoutMs: number): number {
  if (system === "windows") return selectOne(fd, events, timeoutMs);
  single.view.setInt32(0, fd, true);
  single.view.setInt32(POLLFD.events, events, true); // and no revents
  return pollList(single.pointer, 1, timeoutMs);
}
