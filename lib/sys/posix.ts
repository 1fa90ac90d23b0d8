/**
 * The C library's functions that all Unix systems share, bound once.
 *
 * Functions here are the C functions themselves: they return -1 and leave errno behind. `retry` and
 * the wrappers below add the one rule that every caller needs (EINTR means "again", see signal(7)).
 */
import { O_NONBLOCK } from "./constants.ts";
import { darwinCalls } from "./bsd/darwin.ts";
import { check, ERRNO, errno } from "./errno.ts";
import { type Functions, open, type Signature } from "./ffi.ts";
import { LIBC, on, system } from "./system.ts";
import { setNotInherited } from "./windows/kernel32.ts";
import { isSocket, portableCalls, setNonBlockingMode, SOCKETS } from "./windows/winsock.ts";

const TABLE = {
  ...SOCKETS,
  socketpair: { args: ["i32", "i32", "i32", "pointer"], result: "i32" },
  // descriptors
  readBytes: { args: ["i32", "buffer", "size"], result: "size", symbol: "read" },
  writeBytes: { args: ["i32", "buffer", "size"], result: "size", symbol: "write" },
  read: { args: ["i32", "pointer", "size"], result: "size" },
  write: { args: ["i32", "pointer", "size"], result: "size" },
  close: { args: ["i32"], result: "i32" },
  dup: { args: ["i32"], result: "i32" },
  dup2: { args: ["i32", "i32"], result: "i32" },
  pipe: { args: ["pointer"], result: "i32" }, //               int[2]
  fcntl: { args: ["i32", "i32", "i32"], result: "i32" }, //    fd, command, value
  ioctl: { args: ["i32", "i32", "pointer"], result: "i32" }, // fd, request, value
  lseek: { args: ["i32", "size", "i32"], result: "size" }, //  fd, offset, from where
  isatty: { args: ["i32"], result: "i32" },
  poll: { args: ["pointer", "size", "i32"], result: "i32" }, // pollfd[], count, milliseconds
  // the process
  getrlimit: { args: ["i32", "pointer"], result: "i32" },
  setrlimit: { args: ["i32", "pointer"], result: "i32" },
  getrusage: { args: ["i32", "pointer"], result: "i32" },
} as const satisfies Record<string, Signature>;

/** What macOS lacks. */
const MORE = {
  accept4: { args: ["i32", "pointer", "pointer", "i32"], result: "i32" }, // fd, sockaddr, length, flags
  ppoll: { args: ["pointer", "size", "pointer", "pointer"], result: "i32" }, // …, timespec, sigset
} as const satisfies Record<string, Signature>;

/** The functions that all systems share; what a system does not have says so when it is called. */
export type Calls = Functions<typeof TABLE & typeof MORE>;

const WINDOWS = system === "windows";

/** Bound C functions; see the manual page of the same name in section 2 or 3. */
export const c: Calls = WINDOWS
  ? portableCalls(Object.keys({ ...TABLE, ...MORE }))
  : system === "darwin"
  ? darwinCalls(open(LIBC, TABLE), Object.keys(MORE))
  : open(LIBC, { ...TABLE, ...MORE });

/** Repeats a call for as long as a signal interrupts it. close(2) and connect(2) are not repeatable. */
export function retry(call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -1 || errno() !== ERRNO.EINTR) return result;
  }
}

/** Closes a descriptor. EINTR means closed on Linux, and a repetition could close another file. */
export function closeFd(fd: number): void {
  if (c.close(fd) === -1 && errno() !== ERRNO.EINTR) check(-1, "close", `close descriptor ${fd}`);
}

/**
 * Another descriptor of the same open file, close-on-exec like all of ours. In one call (F_DUPFD_CLOEXEC):
 * a program that another thread starts in between two would inherit it, and keep a connection open.
 */
export const duplicate = (fd: number): number =>
  check(
    WINDOWS ? c.dup(fd) : c.fcntl(fd, F_DUPFD_CLOEXEC, 0),
    WINDOWS ? "dup" : "fcntl",
    `duplicate descriptor ${fd}`,
  );

const F_SETFD = 2;
const FD_CLOEXEC = 1;
const F_GETFL = 3;
const F_SETFL = 4;
//                                  Linux  macOS  FreeBSD
const F_DUPFD_CLOEXEC: number = on(1030, 67, 17, 0);

/** Sets or clears O_NONBLOCK. It belongs to the open file description, so duplicates see it too. */
export function setNonBlocking(fd: number, on: boolean): void {
  const action = `set descriptor ${fd} ${on ? "non-" : ""}blocking`;
  if (WINDOWS) return void check(setNonBlockingMode(fd, on), "ioctlsocket", action);
  const flags = check(c.fcntl(fd, F_GETFL, 0), "fcntl", action);
  const wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted !== flags) check(c.fcntl(fd, F_SETFL, wanted), "fcntl", action);
}

/** Closes the descriptor when the process starts another program (FD_CLOEXEC). */
export function setCloseOnExec(fd: number): void {
  const action = `set descriptor ${fd} close-on-exec`;
  if (WINDOWS) return void check(setNotInherited(fd) ? 0 : -1, "SetHandleInformation", action);
  check(c.fcntl(fd, F_SETFD, FD_CLOEXEC), "fcntl", action);
}

/** Whether the descriptor is open; on Windows, whether it is a socket. */
export const isOpen: (fd: number) => boolean = WINDOWS
  ? isSocket
  : (fd) => c.fcntl(fd, F_GETFL, 0) !== -1;

const memory = open(WINDOWS ? ["msvcrt.dll"] : LIBC, {
  memcmp: { args: ["buffer", "buffer", "size"], result: "i32" },
});

/** True when both hold the same bytes in the first `length` places. */
export const sameBytes = (a: Uint8Array, b: Uint8Array, length: number): boolean =>
  memory.memcmp(a, b, length) === 0;
