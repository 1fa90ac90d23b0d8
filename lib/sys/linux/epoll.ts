/**
 * Linux: epoll and eventfd, the calls that only Linux has, and their struct layouts per CPU.
 *
 * Numbers are those of the kernel's uapi headers (asm-generic), shared by x64 and arm64.
 */
import { POLLIN, POLLRDHUP, SOCK_CLOEXEC } from "../constants.ts";
import { check, ERRNO, errno } from "../errno.ts";
import { type Functions, Native, NULL, open, type Pointer, type Signature } from "../ffi.ts";
import { c as posix, closeFd } from "../posix.ts";
import { absent, LIBC, system } from "../system.ts";
import { Timespec } from "../time.ts";

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLLRDHUP: number = POLLRDHUP;
export const EPOLLEXCLUSIVE: number = 1 << 28;
export const EPOLLONESHOT: number = 1 << 30;
export const EPOLLET: number = 1 << 31;
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

const TABLE = {
  epoll_create1: { args: ["i32"], result: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "pointer"], result: "i32" }, // epfd, op, fd, event
  epoll_wait: { args: ["i32", "pointer", "i32", "i32"], result: "i32" }, // epfd, events, max, ms
  // The same without the C library's preparations for a thread that is cancelled while it waits.
  epoll_wait_direct: {
    args: ["i32", "i32", "pointer", "i32", "i32"],
    result: "i32",
    symbol: "syscall",
  },
  eventfd: { args: ["i32", "i32"], result: "i32" }, // initial value, flags
  dup3: { args: ["i32", "i32", "i32"], result: "i32" }, // from, to, flags
  // syscall(2), with the arguments of epoll_pwait2: older C libraries have no wrapper for it.
  epoll_pwait2: {
    args: ["i32", "i32", "pointer", "i32", "pointer", "pointer", "i32"],
    result: "i32",
    symbol: "syscall",
  },
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "linux"
  ? open(LIBC, TABLE)
  : absent("epoll is part of Linux");

export const epoll_ctl = c.epoll_ctl;

const SYS_EPOLL_WAIT = 232; // x64; other architectures have only epoll_pwait

export const epoll_wait: typeof c.epoll_wait = process.arch === "x64"
  ? (epfd, events, max, ms) => c.epoll_wait_direct(SYS_EPOLL_WAIT, epfd, events, max, ms)
  : c.epoll_wait;

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

const LONGEST_MS = 0x7fffffff;

/** epoll_wait(2) for any number of milliseconds; Infinity waits for ever. -1 leaves errno behind. */
export const epollWait = (epfd: number, events: Pointer, max: number, timeoutMs: number): number =>
  Number.isInteger(timeoutMs)
    ? epoll_wait(epfd, events, max, timeoutMs > LONGEST_MS ? LONGEST_MS : timeoutMs)
    : timeoutMs === Infinity
    ? epoll_wait(epfd, events, max, -1)
    : epollWaitPrecise(epfd, events, max, timeoutMs);

/**
 * epoll_wait with a timeout of less than whole milliseconds: epoll_pwait2(2) since Linux 5.11, and
 * where it is missing or forbidden, ppoll(2) on the epoll descriptor followed by a look at the set.
 */
function epollWaitPrecise(
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
