/** Windows: select() for one socket, which reports a failed connect on every version. */
import { POLLIN, POLLOUT } from "../constants.ts";
import { Timeval } from "../time.ts";
import { SocketArray } from "./socket_array.ts";
import { c } from "../posix.ts";

const readers = new SocketArray(1);
const writers = new SocketArray(1);
const exceptional = new SocketArray(1);
const time = new Timeval();

/**
 * Waits until a socket is ready for the POLL* bits in `events`, or its connect has failed. Returns
 * whether it is (1 or 0), or -1.
 */
export function selectOne(fd: number, events: number, timeoutMs: number): number {
  const sets = [events & POLLIN ? readers : undefined, events & POLLOUT ? writers : undefined];
  const asked = [...sets, exceptional].filter((set) => set !== undefined);
  for (const set of asked) set.add(fd);
  const [r, w, x] = [readers.arm(), writers.arm(), exceptional.arm()];
  const result = c.select(0, r, w, x, time.set(timeoutMs));
  for (const set of asked) set.delete(fd);
  return Math.min(result, 1);
}
