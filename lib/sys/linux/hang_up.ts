/** Waiting for the end of a stream's other end alone, whatever else there is to read or to write. */
import { Native } from "../ffi.ts";
import { closeFd } from "../posix.ts";
import { system } from "../system.ts";
import { epoll_ctl, EPOLL_CTL_ADD, EPOLL_EVENT, epollCreate } from "./epoll.ts";

const nothing = new Native(EPOLL_EVENT.size);

/**
 * A new descriptor that is readable once no process reads a pipe any more, or the other end of a terminal or a
 * socket is closed; -1 where the system has no such thing. An epoll instance is one: EPOLLHUP and EPOLLERR are
 * reported though no event is asked for (epoll_ctl(2)), and it can be watched like any descriptor (epoll(7)).
 */
export function hangUpOf(fd: number): number {
  if (system !== "linux") return -1;
  let epoll = -1;
  try {
    epoll = epollCreate();
  } catch {
    return -1; // no descriptor is left: the next write finds out
  }
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, nothing.pointer) === 0) return epoll;
  closeFd(epoll);
  return -1;
}
