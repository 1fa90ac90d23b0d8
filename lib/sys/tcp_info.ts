/** What the kernel knows of a TCP connection: TCP_INFO of tcp(7). */
import { IPPROTO_TCP, TCP_INFO } from "./constants.ts";
import { Native } from "./ffi.ts";
import { c } from "./posix.ts";

/** A connection as the kernel sees it. Times are in microseconds, the rest in segments. */
export interface TransportInfo {
  /** The smoothed round trip (RFC 6298), and how much it varies. */
  readonly rttUs: number;
  readonly rttVariationUs: number;
  /** Sent again since the connection began. */
  readonly retransmits: number;
  /** Of those in flight, the ones that are taken for lost now. */
  readonly lost: number;
  readonly congestionWindow: number;
  /** Sent, and not acknowledged yet. */
  readonly unacknowledged: number;
}

// struct tcp_info of linux/tcp.h, as positions of 32-bit words. It only ever grows at its end.
const UNACKED = 24 / 4;
const LOST = 32 / 4;
const RTT = 68 / 4;
const RTTVAR = 72 / 4;
const SND_CWND = 80 / 4;
const TOTAL_RETRANS = 100 / 4;
/** Bytes up to and including the last of these. */
const NEEDED = 104;

const info = new Native(256);
const length = new Native(8);

/**
 * Asks for a socket. Null for another kind than TCP, for a descriptor that is not open, and where the
 * system has no such answer: other systems than Linux, and programs below qemu.
 */
export function tcpInfo(fd: number): TransportInfo | null {
  if (TCP_INFO === -1) return null;
  length.int32[0] = info.length;
  const result = c.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info.pointer, length.pointer);
  if (result === -1 || length.int32[0]! < NEEDED) return null;
  const at = (word: number) => info.int32[word]! >>> 0;
  return {
    rttUs: at(RTT),
    rttVariationUs: at(RTTVAR),
    retransmits: at(TOTAL_RETRANS),
    lost: at(LOST),
    congestionWindow: at(SND_CWND),
    unacknowledged: at(UNACKED),
  };
}
