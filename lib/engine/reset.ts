/** Ending a connection so that its peer sees that it was cut. */
import { SHUT_RDWR } from "../sys/constants.ts";
import { Native } from "../sys/ffi.ts";
import { c } from "../sys/posix.ts";
import { system } from "../sys/system.ts";
import { setLinger } from "../net/options.ts";

/** A sockaddr of the family AF_UNSPEC, which is 0. */
const nowhere = new Native(16);

/** The last close of the descriptor will be a reset. */
export function closeByReset(fd: number): void {
  try {
    setLinger(fd, 0);
  } catch {
    // BSDs refuse options of a connection that the peer has reset.
  }
}

/**
 * Resets a connection that other threads or processes may hold and wait for: they see its end at once, and
 * so does the peer, before any of them closes it. connect(2) to AF_UNSPEC dissolves a TCP connection; where it
 * does not (other systems than Linux, Unix sockets), both directions are shut down, and the last close resets.
 */
export function resetShared(fd: number): void {
  closeByReset(fd);
  if (system === "linux" && c.connect(fd, nowhere.pointer, nowhere.length) === 0) return;
  c.shutdown(fd, SHUT_RDWR);
}
