/** recv(2) and send(2) as the engine calls them, for every message. */
import { NULL, open, type Pointer, type Signature } from "../ffi.ts";
import { c } from "../posix.ts";
import { LIBC, system } from "../system.ts";

/**
 * syscall(2), with the arguments of recvfrom(2) and sendto(2) but the last, which the kernel does not look
 * at when there is no address. The C library's own functions first prepare for a thread that is cancelled
 * while it waits (pthreads(7)): two atomic operations a call as soon as the process has threads.
 */
const through = <B extends "pointer" | "buffer">(bytes: B) => ({
  call: { args: ["i32", "i32", bytes, "i32", "i32", "pointer"], result: "i32", symbol: "syscall" },
} as const satisfies Record<string, Signature>);

/** Of x64. On arm64 qemu-user wants the last argument, too, and refuses what happens to be there. */
const SYS_recvfrom = 45;
const SYS_sendto = 44;

const direct = system === "linux" && process.arch === "x64";
// A symbol has one signature in a library that is opened once.
const receiving = direct && open(LIBC, through("pointer"));
const sending = direct && open(LIBC, through("buffer"));

/** recv(2): bytes, or -1 with errno. */
export const receive: (fd: number, to: Pointer, length: number, flags: number) => number = receiving
  ? (fd, to, length, flags) => receiving.call(SYS_recvfrom, fd, to, length, flags, NULL)
  : c.recv;

/** send(2): bytes, or -1 with errno. */
export const transmit: (fd: number, bytes: Uint8Array, length: number, flags: number) => number =
  sending
    ? (fd, bytes, length, flags) => sending.call(SYS_sendto, fd, bytes, length, flags, NULL)
    : c.sendBytes;
