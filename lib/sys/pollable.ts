/** Whether a descriptor has readiness at all: the same answer on every backend and system. */
import { readlinkSync } from "node:fs";
import { ERRNO, errno, OSError } from "./errno.ts";
import { Native } from "./ffi.ts";
import { epoll_ctl, EPOLL_CTL_ADD, EPOLL_CTL_DEL, epollCreate } from "./linux/epoll.ts";
import { c, isOpen } from "./posix.ts";
import { system } from "./system.ts";

/** The error of a refused registration, the same words for every backend. */
export const cannotWatch = (error: number, fd: number, syscall: string = "epoll_ctl"): OSError =>
  new OSError(error, syscall, `watch descriptor ${fd}`);

let probe = -1;
let event: Native | undefined;

const SEEK_CUR = 1;

/** Linux: asks an epoll set of its own, at most one per thread. */
function epollRefuses(fd: number): number {
  // Sockets and pipes are known by a cheaper question; an eventfd has a position, though, and readiness.
  if (c.lseek(fd, 0, SEEK_CUR) === -1) {
    const refused = errno();
    if (refused === ERRNO.ESPIPE) return 0;
    if (refused === ERRNO.EBADF) return refused;
  }
  if (probe === -1) {
    try {
      probe = epollCreate();
    } catch {
      return looksLikeFile(fd) ? ERRNO.EPERM! : 0; // no epoll here, or no descriptor left
    }
  }
  event ??= new Native(16);
  const result = epoll_ctl(probe, EPOLL_CTL_ADD, fd, event.pointer);
  const error = result === -1 ? errno() : 0;
  if (result === 0) epoll_ctl(probe, EPOLL_CTL_DEL, fd, event.pointer);
  return error === ERRNO.EPERM || error === ERRNO.EBADF ? error : 0;
}

/** Files and directories have a path; an eventfd is called "anon_inode:[eventfd]" (proc(5)). */
function looksLikeFile(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith("/");
  } catch {
    return false;
  }
}

/**
 * Other Unix systems: what has a position (files, directories) is never waited for. Terminals have one,
 * too: on BSDs lseek(2) fails for pipes and sockets only.
 */
function seekable(fd: number): number {
  if (!isOpen(fd)) return ERRNO.EBADF!;
  return c.lseek(fd, 0, SEEK_CUR) === -1 || c.isatty(fd) === 1 ? 0 : ERRNO.EPERM!;
}

/**
 * Throws the OSError that epoll would for a descriptor that has no readiness (EPERM: a regular file or
 * a directory, whose reads never wait) or that is not open (EBADF). So select, poll and
 * kqueue, which accept the one or the other, agree with epoll. Windows: EBADF for what is no socket.
 */
export function checkPollable(fd: number, syscall?: string): void {
  const error = system === "linux"
    ? epollRefuses(fd)
    : system === "windows"
    ? (isOpen(fd) ? 0 : ERRNO.EBADF!)
    : seekable(fd);
  if (error !== 0) throw cannotWatch(error, fd, syscall);
}
