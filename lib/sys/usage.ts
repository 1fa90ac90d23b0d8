/**
 * How much of a descriptor's data was used up so far, by the system's own counts: tcp(7) TCP_INFO,
 * FIONREAD (SIOCINQ) and SIOCOUTQ. For finding out whether somebody reads, writes or accepts at all.
 */
import { IPPROTO_TCP } from "./constants.ts";
import { Native } from "./ffi.ts";
import { c } from "./posix.ts";
import { on, system } from "./system.ts";

const EVENT_READ = 1;
const EVENT_WRITE = 2;

const TCP_INFO = 11;
const TCP_LISTEN = 10;
// struct tcp_info of linux/tcp.h, as positions of 32-bit words (of the 64-bit counts the lower half).
const ACCEPT_QUEUE = 24 / 4; // tcpi_unacked of a listener
const BYTES_ACKED = 120 / 4;
const BYTES_RECEIVED = 128 / 4;
const TCP_INFO_SIZE = 136;

const FIONREAD: number = on(0x541b, 0x4004667f, 0x4004667f, 0x4004667f);
const SIOCOUTQ = 0x5411; // Linux

const info = new Native(TCP_INFO_SIZE);
const size = new Native(8);
const count = new Native(8);

const ask = (fd: number, request: number): number | undefined =>
  c.ioctl(fd, request, count.pointer) === -1 ? undefined : count.int32[0]!;

function askTcp(fd: number): Int32Array | undefined {
  if (system !== "linux") return undefined;
  size.int32[0] = TCP_INFO_SIZE;
  const result = c.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info.pointer, size.pointer);
  return result === 0 && size.int32[0] === TCP_INFO_SIZE ? info.int32 : undefined;
}

/**
 * Counts that differ once somebody has used what `events` tells, as text to compare; undefined when the
 * system has no such counts for this kind of descriptor (an eventfd, a listening Unix socket).
 */
export function usedUp(fd: number, events: number): string | undefined {
  const tcp = askTcp(fd);
  if (tcp && info.bytes[0] === TCP_LISTEN) return `accept queue ${tcp[ACCEPT_QUEUE]}`;
  const waiting = ask(fd, FIONREAD);
  const unsent = system === "linux" ? ask(fd, SIOCOUTQ) : undefined;
  const counts: number[] = [];
  if (events & EVENT_READ) {
    if (waiting === undefined) return undefined;
    counts.push(tcp ? (tcp[BYTES_RECEIVED]! - waiting) | 0 : waiting);
  }
  if (events & EVENT_WRITE) {
    // A pipe has FIONREAD only. Elsewhere a socket's tells what it has received, not what it has sent.
    const pipe = system === "linux" && events === EVENT_WRITE;
    const written = unsent ?? (pipe ? waiting : undefined);
    if (written === undefined) return undefined;
    counts.push(tcp ? (tcp[BYTES_ACKED]! + written) | 0 : written);
  }
  return counts.length > 0 ? counts.join(" ") : undefined;
}
