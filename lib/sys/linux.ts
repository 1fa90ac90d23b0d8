/**
 * Linux: constants, struct layouts per CPU, and the calls that only Linux has.
 *
 * Numbers are those of the kernel's uapi headers (asm-generic), shared by x64 and arm64.
 */
import { check, ERRNO, errno, LIBC, OSError } from "./errno.ts";
import { Native, NULL, open, type Pointer } from "./ffi.ts";
import { c as posix, closeFd, Timespec } from "./posix.ts";

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
/** No SIGPIPE when the peer is gone: EPIPE instead (send(2)). */
export const MSG_NOSIGNAL = 0x4000;
export const MSG_PEEK = 2;
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

export const POLLIN = 0x001;
export const POLLOUT = 0x004;
export const POLLNVAL = 0x020;
/** select(2) takes descriptors below this; glibc and musl both compile it in. */
export const FD_SETSIZE = 1024;

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
const EPOLL_CLOEXEC = 0o2000000;

/**
 * struct epoll_event { uint32_t events; epoll_data_t data; }: packed on x64 only, where `data` begins
 * at 4 and the struct has 12 bytes; everywhere else it has 16 with `data` at 8 (epoll_ctl(2)).
 */
export const EPOLL_EVENT: { readonly size: number; readonly data: number } = process.arch === "x64"
  ? { size: 12, data: 4 }
  : { size: 16, data: 8 };

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

const c = open(LIBC, {
  epoll_create1: { args: ["i32"], result: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "pointer"], result: "i32" }, // epfd, op, fd, event
  epoll_wait: { args: ["i32", "pointer", "i32", "i32"], result: "i32" }, // epfd, events, max, ms
  eventfd: { args: ["i32", "i32"], result: "i32" }, // initial value, flags
  dup3: { args: ["i32", "i32", "i32"], result: "i32" }, // from, to, flags
  // syscall(2), with the arguments of epoll_pwait2: older C libraries have no wrapper for it.
  epoll_pwait2: {
    args: ["i32", "i32", "pointer", "i32", "pointer", "pointer", "i32"],
    result: "i32",
    symbol: "syscall",
  },
});

export const epoll_ctl = c.epoll_ctl;
export const epoll_wait = c.epoll_wait;

/** A new epoll instance, close-on-exec. */
export const epollCreate = (): number =>
  check(c.epoll_create1(EPOLL_CLOEXEC), "epoll_create1", "create an epoll instance");

/** Closes `fd` and gives its number to what `by` refers to; `by` is closed, too. */
export function replaceFd(fd: number, by: number): void {
  try {
    check(c.dup3(by, fd, SOCK_CLOEXEC), "dup3", `replace descriptor ${fd}`);
  } finally {
    closeFd(by);
  }
}

/** A new eventfd(2) counter, non-blocking and close-on-exec. */
export const eventfd = (): number =>
  check(c.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd", "create an eventfd");

const SYS_EPOLL_PWAIT2 = 441; // the same on every architecture
const time = new Timespec();
const one = new Native(8);
let pwait2Missing = false;

/**
 * epoll_wait with a timeout of less than whole milliseconds: epoll_pwait2(2) since Linux 5.11, and
 * where it is missing or forbidden, ppoll(2) on the epoll descriptor followed by a look at the set.
 */
export function epollWaitPrecise(
  epfd: number,
  events: Pointer,
  max: number,
  timeoutMs: number,
): number {
  if (!pwait2Missing) {
    const result = c.epoll_pwait2(
      SYS_EPOLL_PWAIT2,
      epfd,
      events,
      max,
      time.set(timeoutMs),
      NULL,
      8,
    );
    if (result !== -1) return result;
    const error = errno();
    if (error !== ERRNO.ENOSYS && error !== ERRNO.EPERM) return result;
    pwait2Missing = true;
  }
  one.view.setInt32(0, epfd, true);
  one.view.setInt32(4, POLLIN, true);
  const ready = posix.ppoll(one.pointer, 1, time.set(timeoutMs), NULL);
  return ready <= 0 ? ready : epoll_wait(epfd, events, max, 0);
}

let probe = -1;
const probeEvent = new Native(16);

/**
 * Throws the OSError that epoll would for a descriptor that has no readiness (EPERM: a regular file or
 * a directory, whose reads never wait) or that is not open (EBADF). Asking a set of its own keeps
 * select and poll, which accept both, in agreement with epoll. At most one set per thread.
 */
export function checkPollable(fd: number): void {
  if (probe === -1) probe = epollCreate();
  const result = c.epoll_ctl(probe, EPOLL_CTL_ADD, fd, probeEvent.pointer);
  const error = result === -1 ? errno() : 0;
  if (error === ERRNO.EPERM || error === ERRNO.EBADF) throw cannotWatch(error, fd);
  if (result === 0) c.epoll_ctl(probe, EPOLL_CTL_DEL, fd, probeEvent.pointer);
}

/** The error of a refused registration, the same words for every backend. */
export const cannotWatch = (error: number, fd: number): OSError =>
  new OSError(error, "epoll_ctl", `watch descriptor ${fd}`);
