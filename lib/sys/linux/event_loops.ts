/**
 * The epoll instances of the runtime's own event loops.
 *
 * A signal's listener runs in the runtime's event loop. A thread that blocks in a wait of its own, and has
 * that loop's epoll instance among what it waits for, is woken by the signal even when it came just before
 * the wait: an epoll instance can be watched like any descriptor (epoll(7), "Can I nest").
 */
import { ERRNO, errno } from "../errno.ts";
import { Native } from "../ffi.ts";
import { closeFd } from "../posix.ts";
import { system } from "../system.ts";
import { epoll_ctl, EPOLL_CTL_DEL, eventfd } from "./epoll.ts";

/** The runtimes make theirs at start, among their first descriptors. */
const HIGHEST = 64;
const unused = new Native(16);

/**
 * The descriptors of all epoll instances among the first 64 descriptors; empty where there is no epoll.
 * To be called before the program creates its own.
 */
export function eventLoopFds(): number[] {
  if (system !== "linux") return [];
  const unknown = eventfd();
  const found: number[] = [];
  for (let fd = 0; fd < HIGHEST; fd++) {
    // An epoll instance answers ENOENT for a descriptor that it does not watch; anything else is none (EINVAL, EBADF).
    const result = epoll_ctl(fd, EPOLL_CTL_DEL, unknown, unused.pointer);
    if (result === -1 && errno() === ERRNO.ENOENT) found.push(fd);
  }
  closeFd(unknown);
  return found;
}
