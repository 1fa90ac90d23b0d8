/** What the kernel knows of a TCP connection: TCP_INFO of tcp(7). */
import { IPPROTO_TCP, TCP_INFO } from "../constants.ts";
import { Native } from "../ffi.ts";
import { c } from "../posix.ts";

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
  /** How many bytes the peer has acknowledged since the connection began; 0 before Linux 4.1. */
  readonly acknowledgedBytes: number;
  /** Since the last segment that acknowledged something, in milliseconds. */
  readonly lastAckMs: number;
}

/** struct tcp_info of linux/tcp.h, as positions of 32-bit words. It only ever grows at its end. */
const WORD = {
  UNACKED: 24 / 4, // of a listener: how many wait to be accepted
  LOST: 32 / 4,
  LAST_ACK_RECV: 56 / 4, // milliseconds
  RTT: 68 / 4,
  RTTVAR: 72 / 4,
  SND_CWND: 80 / 4,
  TOTAL_RETRANS: 100 / 4,
  BYTES_ACKED: 120 / 4, // __u64, as the next; since Linux 4.1 (RFC 4898)
  BYTES_RECEIVED: 128 / 4,
};
/** tcpi_state, the first byte, as in tcp_states.h. */
const LISTEN = 10;
/** The peer's FIN has arrived: TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING. */
const ENDED: ReadonlySet<number> = new Set([6, 8, 9, 11]);

const info = new Native(256);
const length = new Native(8);

/** Reads the struct: how many bytes of it the system has filled in; 0 for another kind of descriptor. */
function read(fd: number): number {
  if (TCP_INFO === -1) return 0;
  length.int32[0] = info.length;
  const result = c.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info.pointer, length.pointer);
  return result === -1 ? 0 : length.int32[0]!;
}

const large = (at: number) => Number(info.view.getBigUint64(at * 4, true));
const word = (at: number) => info.int32[at]! >>> 0;
const has = (bytes: number, at: number, size: number) => bytes >= at * 4 + size;

/**
 * Asks for a socket. Null for another kind than TCP, for a descriptor that is not open, and where the
 * system has no such answer: other systems than Linux, and programs below qemu.
 */
export function tcpInfo(fd: number): TransportInfo | null {
  const bytes = read(fd);
  if (!has(bytes, WORD.TOTAL_RETRANS, 4)) return null;
  return {
    rttUs: word(WORD.RTT),
    rttVariationUs: word(WORD.RTTVAR),
    retransmits: word(WORD.TOTAL_RETRANS),
    lost: word(WORD.LOST),
    congestionWindow: word(WORD.SND_CWND),
    unacknowledged: word(WORD.UNACKED),
    acknowledgedBytes: has(bytes, WORD.BYTES_ACKED, 8) ? large(WORD.BYTES_ACKED) : 0,
    lastAckMs: word(WORD.LAST_ACK_RECV),
  };
}

/**
 * How many bytes have arrived on a TCP connection since it began; undefined where the system does not
 * count.
 */
export function arrivedBytes(fd: number): number | undefined {
  if (!has(read(fd), WORD.BYTES_RECEIVED, 8)) return undefined;
  return large(WORD.BYTES_RECEIVED) - (ENDED.has(info.bytes[0]!) ? 1 : 0); // the kernel counts FIN
}

/** What has become of a TCP socket's bytes so far, each count modulo 2^32. */
export interface TcpCounts {
  /** A listener's connections that wait to be accepted; undefined for a connection. */
  readonly acceptQueue: number | undefined;
  readonly received: number;
  readonly acknowledged: number;
}

/** The counts; undefined for another kind of descriptor, null where the system (qemu) hides them. */
export function tcpCounts(fd: number): TcpCounts | null | undefined {
  const bytes = read(fd);
  if (bytes === 0) return undefined;
  if (!has(bytes, WORD.BYTES_RECEIVED, 8)) return null;
  return {
    acceptQueue: info.bytes[0] === LISTEN ? word(WORD.UNACKED) : undefined,
    received: word(WORD.BYTES_RECEIVED),
    acknowledged: word(WORD.BYTES_ACKED),
  };
}
