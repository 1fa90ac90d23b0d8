/**
 * The errors of Windows under the names of Unix: "Windows Sockets Error Codes" of winsock2.h.
 *
 * The numbers are Winsock's, 10061 for ECONNREFUSED. Those that Winsock does not have are those of
 * the C runtime (errno.h). The words are those that the runtimes lack: FormatMessage would answer in the
 * user's language, and no two systems would say the same.
 */

type Row = readonly [name: string, number: number, text?: string];

/** Of two names for a number the first is the one that people search for. */
const table = (): readonly Row[] => [
  ["EPERM", 1],
  ["ENOENT", 2],
  ["EIO", 5],
  ["ENOMEM", 12],
  ["EISDIR", 21],
  ["ENFILE", 23],
  ["ENOSPC", 28],
  ["ENOSYS", 40],
  ["EINTR", 10004],
  ["EBADF", 10009],
  ["EACCES", 10013],
  ["EFAULT", 10014],
  ["EINVAL", 10022],
  ["EMFILE", 10024],
  ["EAGAIN", 10035],
  ["EWOULDBLOCK", 10035],
  ["EINPROGRESS", 10036, "operation now in progress"],
  ["EALREADY", 10037],
  ["ENOTSOCK", 10038],
  ["EDESTADDRREQ", 10039],
  ["EMSGSIZE", 10040],
  ["EPROTOTYPE", 10041],
  ["ENOPROTOOPT", 10042],
  ["EPROTONOSUPPORT", 10043],
  ["ESOCKTNOSUPPORT", 10044, "socket type not supported"],
  ["EOPNOTSUPP", 10045, "operation not supported"],
  ["EPFNOSUPPORT", 10046, "protocol family not supported"],
  ["EAFNOSUPPORT", 10047],
  ["EADDRINUSE", 10048],
  ["EADDRNOTAVAIL", 10049],
  ["ENETDOWN", 10050],
  ["ENETUNREACH", 10051],
  ["ENETRESET", 10052, "network dropped connection on reset"],
  ["ECONNABORTED", 10053],
  ["ECONNRESET", 10054],
  ["ENOBUFS", 10055],
  ["EISCONN", 10056],
  ["ENOTCONN", 10057],
  // What Unix says of a socket whose sending side was shut down; libuv maps it so, too.
  ["EPIPE", 10058],
  ["ESHUTDOWN", 10058],
  ["ETIMEDOUT", 10060],
  ["ECONNREFUSED", 10061],
  ["EHOSTDOWN", 10064],
  ["EHOSTUNREACH", 10065],
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

/** What a number means that the runtimes have no words for; of an unknown one the number. */
export function describeWsa(number: number): string {
  texts ??= new Map(table().flatMap(([, number, text]) => text ? [[number, text]] : []));
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
