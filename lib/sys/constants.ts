/**
 * Numbers whose value differs from system to system, a column each.
 *
 * Linux: the kernel's uapi headers (asm-generic), shared by x64 and arm64. macOS: bsd/sys/*.h of xnu.
 * FreeBSD: sys/sys/*.h. Windows: winsock2.h and ws2ipdef.h of the SDK.
 */
import { on } from "./system.ts";

export const AF_UNIX = 1;
export const AF_INET = 2;
//                                        Linux  macOS  FreeBSD  Windows
export const AF_INET6: number = on(10, 30, 28, 23);
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
/** Flags of socket(2), socketpair(2) and accept4(2); 0 where they must be set afterwards. */
export const SOCK_NONBLOCK: number = on(0o4000, 0, 0x20000000, 0);
export const SOCK_CLOEXEC: number = on(0o2000000, 0, 0x10000000, 0);

export const SOL_SOCKET: number = on(1, 0xffff, 0xffff, 0xffff);
/**
 * What a listener sets to have its port again at once after a restart, and to itself: SO_REUSEADDR. On
 * Windows that option lets any program take a port in use, and SO_EXCLUSIVEADDRUSE (~4) is what keeps it
 * ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE").
 */
export const SO_REBIND: number = on(2, 4, 4, ~4);
/**
 * What a socket sets that connects from a port of its own, which an earlier connection may have in TIME_WAIT
 * for a minute; -1 on Windows, where that needs nothing.
 */
export const SO_REUSEADDR: number = on(2, 4, 4, -1);
export const SO_TYPE: number = on(3, 0x1008, 0x1008, 0x1008);
export const SO_ERROR: number = on(4, 0x1007, 0x1007, 0x1007);
export const SO_BROADCAST: number = on(6, 0x20, 0x20, 0x20);
export const SO_SNDBUF: number = on(7, 0x1001, 0x1001, 0x1001);
export const SO_RCVBUF: number = on(8, 0x1002, 0x1002, 0x1002);
export const SO_KEEPALIVE: number = on(9, 8, 8, 8);
/** In seconds: macOS counts its plain SO_LINGER in clock ticks, so SO_LINGER_SEC there. */
export const SO_LINGER: number = on(13, 0x1080, 0x80, 0x80);
/**
 * Spreads connections over the sockets that listen on a port. FreeBSD does that with SO_REUSEPORT_LB
 * only; macOS lets them share the port, but gives all connections to one, and Windows has nothing of
 * the kind (-1; libuv's UV_TCP_REUSEPORT draws the same line).
 */
export const SO_REUSEPORT: number = on(15, -1, 0x10000, -1);
/** Whether the socket listens. */
export const SO_ACCEPTCONN: number = on(30, 2, 2, 2);
export const SO_RCVTIMEO: number = on(20, 0x1006, 0x1006, 0x1006);
export const SO_SNDTIMEO: number = on(21, 0x1005, 0x1005, 0x1005);
/** No SIGPIPE for this socket, for write(2) as well; 0 where MSG_NOSIGNAL suffices or no signals are. */
export const SO_NOSIGPIPE: number = on(0, 0x1022, 0, 0);
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const IPPROTO_IP = 0;
/** bind(2) with port 0 leaves the choice of the port to connect(2), which knows the target; -1: none. */
export const IP_BIND_ADDRESS_NO_PORT: number = on(24, -1, -1, -1);
export const IP_MULTICAST_IF: number = on(32, 9, 9, 9);
export const IP_MULTICAST_TTL: number = on(33, 10, 10, 10);
export const IP_MULTICAST_LOOP: number = on(34, 11, 11, 11);
export const IP_ADD_MEMBERSHIP: number = on(35, 12, 12, 12);
export const IP_DROP_MEMBERSHIP: number = on(36, 13, 13, 13);
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY: number = on(26, 27, 27, 27);
export const IPV6_MULTICAST_IF: number = on(17, 9, 9, 9);
export const IPV6_MULTICAST_HOPS: number = on(18, 10, 10, 10);
export const IPV6_MULTICAST_LOOP: number = on(19, 11, 11, 11);
export const IPV6_JOIN_GROUP: number = on(20, 12, 12, 12);
export const IPV6_LEAVE_GROUP: number = on(21, 13, 13, 13);

/** ioctl: bytes sent and not acknowledged, tcp(7) and unix(7); FreeBSD's FIONWRITE; -1 for none. */
export const SIOCOUTQ: number = on(0x5411, -1, 0x40046677, -1);

/** ioctl: bytes that can be received now, tcp(7) and unix(7). */
export const FIONREAD: number = on(0x541b, 0x4004667f, 0x4004667f, 0x4004667f);
/** tcp(7): what the kernel knows of a connection; -1 where its layout is another. */
export const TCP_INFO: number = on(11, -1, -1, -1);

/** No SIGPIPE when the peer is gone: EPIPE instead (send(2)). macOS has it since version 11. */
export const MSG_NOSIGNAL: number = on(0x4000, 0x80000, 0x20000, 0);
export const MSG_PEEK = 2;
/** One call that does not wait, on a socket that would; 0 on Windows, which has no such flag. */
export const MSG_DONTWAIT: number = on(0x40, 0x80, 0x80, 0);
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

/** Windows: POLLRDNORM alone, because its POLLIN means out-of-band data as well. */
export const POLLIN: number = on(1, 1, 1, 0x100);
export const POLLPRI: number = on(2, 2, 2, 0x400);
export const POLLOUT: number = on(4, 4, 4, 0x10);
export const POLLERR: number = on(8, 8, 8, 1);
export const POLLHUP: number = on(0x10, 0x10, 0x10, 2);
export const POLLNVAL: number = on(0x20, 0x20, 0x20, 4);
/** The peer will send no more; Linux only, 0 elsewhere. */
export const POLLRDHUP: number = on(0x2000, 0, 0, 0);

/** Unix: select(2) takes descriptors below this. Windows: how many sockets fit into our fd_set. */
export const FD_SETSIZE = 1024;

export const RLIMIT_NOFILE: number = on(7, 8, 8, -1);
export const O_NONBLOCK: number = on(0o4000, 4, 4, 0);
