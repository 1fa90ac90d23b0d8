/** Datagrams: sendto(2), recvfrom(2), and the options of udp(7), ip(7) and ipv6(7). */
import { SOL_SOCKET } from "../constants.ts";
import { ERRNO, errno } from "../errno.ts";
import { Native, NULL, open, type Pointer } from "../ffi.ts";
import { c } from "../posix.ts";
import { type Address, SOCKADDR_SIZE, unpackAddress } from "./sockaddr.ts";
import { LIBC, system } from "../system.ts";

/** Linux: recvfrom(2) returns the whole length of a datagram, however little of it fits. */
const MSG_TRUNC = 0x20;
const REPORTS_LENGTH = system === "linux";

const calls = open(LIBC, {
  sendto: { args: ["i32", "buffer", "size", "i32", "pointer", "i32"], result: "size" },
  recvfrom: { args: ["i32", "buffer", "size", "i32", "pointer", "pointer"], result: "size" },
});

/** Sends one datagram, to an address of `length` bytes where one is given. -1 leaves errno behind. */
export const sendDatagram = (
  fd: number,
  bytes: Uint8Array,
  flags: number,
  to: Pointer = NULL,
  length = 0,
): number => calls.sendto(fd, bytes, bytes.length, flags, to, length);

const sender = new Native(SOCKADDR_SIZE);
const senderLength = new Native(8);
/** Where the system does not say how long a datagram is: room for any, and one byte more. */
const whole = REPORTS_LENGTH ? undefined : new Uint8Array(new ArrayBuffer(65_536));

/**
 * A datagram that was received.
 *
 * @example
 * ```ts
 * import { type Datagram, DatagramSocket } from "iomux";
 *
 * using socket = DatagramSocket.bind({ host: "127.0.0.1" });
 * socket.sendTo(new Uint8Array(0), { host: "127.0.0.1", port: socket.port });
 * const datagram: Datagram | null = socket.recvFrom(new Uint8Array(16));
 * console.log(datagram?.bytes, datagram?.truncated); // 0 false
 * ```
 */
export interface Datagram {
  /** How many bytes are in the buffer. */
  readonly bytes: number;
  /** Whether the datagram was longer than the buffer: its rest is lost. */
  readonly truncated: boolean;
  /** Who has sent it; undefined for a Unix socket without a name. */
  readonly from: Address | undefined;
}

/** Receives one datagram; -1 leaves errno behind. */
export function receiveDatagram(fd: number, buffer: Uint8Array): Datagram | -1 {
  senderLength.int32[0] = SOCKADDR_SIZE;
  const into = whole ?? buffer;
  const flags = REPORTS_LENGTH ? MSG_TRUNC : 0;
  const { pointer } = sender;
  let length = calls.recvfrom(fd, into, into.length, flags, pointer, senderLength.pointer);
  if (length === -1) {
    if (system !== "windows" || errno() !== ERRNO.EMSGSIZE) return -1;
    length = into.length;
  }
  const bytes = Math.min(length, buffer.length);
  if (whole) buffer.set(whole.subarray(0, bytes));
  const named = senderLength.int32[0]! > 2;
  return {
    bytes,
    truncated: length > buffer.length,
    from: named ? unpackAddress(sender.view, senderLength.int32[0]!) : undefined,
  };
}

/** linux/sock_diag.h and asm-generic/socket.h: 32-bit words, since Linux 4.12. */
const SO_MEMINFO = 55;
const SK_MEMINFO_DROPS = 8;
const memory = new Native(4 * (SK_MEMINFO_DROPS + 1));

/** How many datagrams this system has thrown away that came to a socket with a full buffer; 0 where nothing says that. */
export function droppedDatagrams(fd: number): number {
  if (system !== "linux") return 0;
  senderLength.int32[0] = memory.length;
  const { pointer } = senderLength;
  const failed = c.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.pointer, pointer) === -1;
  return failed ? 0 : memory.int32[SK_MEMINFO_DROPS]! >>> 0;
}
