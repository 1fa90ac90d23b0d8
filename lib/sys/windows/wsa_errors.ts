/**
 * The errors of Windows under the names of Unix: "Windows Sockets Error Codes" of winsock2.h.
 *
 * The numbers are Winsock's, 10061 for ECONNREFUSED. Those that Winsock does not have are those of
 * the C runtime (errno.h). The words are Unix's, too: FormatMessage would answer in the user's
 * language, and no two systems would say the same.
 */

type Row = readonly [name: string, number: number, text: string];

/** Of two names for a number the first is the one that people search for. */
const table = (): readonly Row[] => [
  ["EPERM", 1, "operation not permitted"],
  ["ENOENT", 2, "no such file or directory"],
  ["EIO", 5, "input/output error"],
  ["ENOMEM", 12, "cannot allocate memory"],
  ["EISDIR", 21, "is a directory"],
  ["ENFILE", 23, "too many open files in system"],
  ["ENOSPC", 28, "no space left on device"],
  ["ENOSYS", 40, "function not implemented"],
  ["EINTR", 10004, "interrupted system call"],
  ["EBADF", 10009, "bad file descriptor"],
  ["EACCES", 10013, "permission denied"],
  ["EFAULT", 10014, "bad address"],
  ["EINVAL", 10022, "invalid argument"],
  ["EMFILE", 10024, "too many open files"],
  ["EAGAIN", 10035, "resource temporarily unavailable"],
  ["EWOULDBLOCK", 10035, ""],
  ["EINPROGRESS", 10036, "operation now in progress"],
  ["EALREADY", 10037, "operation already in progress"],
  ["ENOTSOCK", 10038, "socket operation on non-socket"],
  ["EDESTADDRREQ", 10039, "destination address required"],
  ["EMSGSIZE", 10040, "message too long"],
  ["EPROTOTYPE", 10041, "protocol wrong type for socket"],
  ["ENOPROTOOPT", 10042, "protocol not available"],
  ["EPROTONOSUPPORT", 10043, "protocol not supported"],
  ["ESOCKTNOSUPPORT", 10044, "socket type not supported"],
  ["EOPNOTSUPP", 10045, "operation not supported"],
  ["EPFNOSUPPORT", 10046, "protocol family not supported"],
  ["EAFNOSUPPORT", 10047, "address family not supported by protocol"],
  ["EADDRINUSE", 10048, "address already in use"],
  ["EADDRNOTAVAIL", 10049, "cannot assign requested address"],
  ["ENETDOWN", 10050, "network is down"],
  ["ENETUNREACH", 10051, "network is unreachable"],
  ["ENETRESET", 10052, "network dropped connection on reset"],
  ["ECONNABORTED", 10053, "software caused connection abort"],
  ["ECONNRESET", 10054, "connection reset by peer"],
  ["ENOBUFS", 10055, "no buffer space available"],
  ["EISCONN", 10056, "transport endpoint is already connected"],
  ["ENOTCONN", 10057, "transport endpoint is not connected"],
  // What Unix says of a socket whose sending side was shut down; libuv maps it so, too.
  ["EPIPE", 10058, "broken pipe"],
  ["ESHUTDOWN", 10058, ""],
  ["ETIMEDOUT", 10060, "connection timed out"],
  ["ECONNREFUSED", 10061, "connection refused"],
  ["EHOSTDOWN", 10064, "host is down"],
  ["EHOSTUNREACH", 10065, "no route to host"],
  ["EPROCLIM", 10067, "too many processes"],
  ["ENETSYSNOTREADY", 10091, "the network subsystem is unavailable"],
  ["EVERNOTSUPPORTED", 10092, "this version of Winsock is not supported"],
  ["ENOTINITIALISED", 10093, "WSAStartup has not been called"],
];

/** Made when they are asked for: other systems have no use for them. */
let known: Readonly<Record<string, number>> | undefined;
let texts: ReadonlyMap<number, string> | undefined;

/** The numbers by their names. */
export const wsaErrno = (): Readonly<Record<string, number>> =>
  known ??= Object.fromEntries(table().map(([name, number]) => [name, number]));

/** What a number means, in words; for an unknown one the number. */
export function describeWsa(number: number): string {
  texts ??= new Map(table().filter(([, , text]) => text).map(([, number, text]) => [number, text]));
  return texts.get(number) ?? `Winsock ${number}`;
}

/**
 * Numbers of WSAGetLastError for what has a portable name of its own. A socket that was
 * closed is WSAENOTSOCK, because its number then names no socket: Unix says EBADF.
 */
const PORTABLE: Readonly<Record<number, string>> = {
  5: "EACCES", //    ERROR_ACCESS_DENIED
  6: "EBADF", //     WSA_INVALID_HANDLE
  8: "ENOMEM", //    WSA_NOT_ENOUGH_MEMORY
  14: "ENOMEM", //   ERROR_OUTOFMEMORY
  87: "EINVAL", //   WSA_INVALID_PARAMETER
  10038: "EBADF", // WSAENOTSOCK
};

/** The number by which this library knows an error of Winsock. */
export function portableError(number: number): number {
  const name = PORTABLE[number];
  return name === undefined ? number : wsaErrno()[name]!;
}
