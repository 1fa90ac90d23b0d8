/**
 * Windows: ws2_32.dll as the table of C functions that the other systems have (see posix.ts).
 *
 * A SOCKET is a handle: 64 bits wide, small in value (32 bits significant, see "Interprocess
 * Communication Between 32-bit and 64-bit Applications"), so it travels as an int like a descriptor,
 * and INVALID_SOCKET (~0) comes back as -1.
 */
import { MSG_PEEK, SO_ACCEPTCONN, SO_TYPE, SOL_SOCKET } from "../constants.ts";
import { type Functions, Native, open, type Pointer, type Signature } from "../ffi.ts";
import { absent, LIBC, system } from "../system.ts";
import { portableError, wsaErrno } from "./wsa_errors.ts";

/** The functions that have the same names on Unix. */
export const SOCKETS = {
  socket: { args: ["i32", "i32", "i32"], result: "i32" }, //   domain, type, protocol
  bind: { args: ["i32", "pointer", "size"], result: "i32" }, // fd, sockaddr, length
  listen: { args: ["i32", "i32"], result: "i32" }, //          fd, backlog
  accept: { args: ["i32", "pointer", "pointer"], result: "i32" }, // fd, sockaddr, length
  connect: { args: ["i32", "pointer", "size"], result: "i32" },
  getsockname: { args: ["i32", "pointer", "pointer"], result: "i32" },
  getpeername: { args: ["i32", "pointer", "pointer"], result: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "pointer", "pointer"], result: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "pointer", "size"], result: "i32" },
  shutdown: { args: ["i32", "i32"], result: "i32" },
  recv: { args: ["i32", "pointer", "size", "i32"], result: "size" }, //  fd, buffer, length, flags
  send: { args: ["i32", "pointer", "size", "i32"], result: "size" },
  recvBytes: { args: ["i32", "buffer", "size", "i32"], result: "size", symbol: "recv" },
  sendBytes: { args: ["i32", "buffer", "size", "i32"], result: "size", symbol: "send" },
  select: { args: ["i32", "pointer", "pointer", "pointer", "pointer"], result: "i32" },
} as const satisfies Record<string, Signature>;

const TABLE = {
  ...SOCKETS,
  WSAStartup: { args: ["i32", "pointer"], result: "i32" }, // version, WSADATA
  WSAGetLastError: { args: [], result: "i32" },
  WSASetLastError: { args: ["i32"], result: "void" },
  close: { args: ["i32"], result: "i32", symbol: "closesocket" },
  poll: { args: ["pointer", "size", "i32"], result: "i32", symbol: "WSAPoll" },
  ioctlsocket: { args: ["i32", "i32", "pointer"], result: "i32" }, // socket, command, u_long
  // socket, process, WSAPROTOCOL_INFOW: and back again with WSASocketW
  WSADuplicateSocketW: { args: ["i32", "i32", "pointer"], result: "i32" },
  WSASocketW: { args: ["i32", "i32", "i32", "pointer", "i32", "i32"], result: "i32" },
} as const satisfies Record<string, Signature>;

/** The functions of ws2_32.dll themselves. */
export const winsock: Functions<typeof TABLE> = start();

function start(): Functions<typeof TABLE> {
  if (system !== "windows") return absent("Winsock is part of Windows");
  const opened = open(LIBC, TABLE);
  // Counted by Winsock: once per thread of this library does no harm, and it is never taken back.
  const error = opened.WSAStartup(0x0202, new Native(512).pointer);
  if (error !== 0) throw new Error(`Cannot use Winsock 2.2: WSAStartup failed (${error})`);
  return opened;
}

/** WSAGetLastError, right after the failed call, as a number of `wsaErrno`. */
export const lastError = (): number => portableError(winsock.WSAGetLastError());

/** A non-blocking connect that has begun is WSAEWOULDBLOCK here and EINPROGRESS elsewhere. */
function connect(fd: number, address: Pointer, length: number): number {
  const result = winsock.connect(fd, address, length);
  if (result === -1 && winsock.WSAGetLastError() === wsaErrno().EWOULDBLOCK) {
    winsock.WSASetLastError(wsaErrno().EINPROGRESS!);
  }
  return result;
}

const FROM_PROTOCOL_INFO = -1;
const WSA_FLAG_OVERLAPPED = 1;
const WSA_FLAG_NO_HANDLE_INHERIT = 0x80;
const protocolInfo = new Native(628); // sizeof(WSAPROTOCOL_INFOW)

/** dup(2): a second handle of the same socket, which lives until both are closed. */
function dup(fd: number): number {
  const { pointer } = protocolInfo;
  if (winsock.WSADuplicateSocketW(fd, process.pid, pointer) !== 0) return -1;
  const any = FROM_PROTOCOL_INFO;
  const flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
  return winsock.WSASocketW(any, any, any, pointer, 0, flags);
}

/**
 * The functions of posix.ts as far as Windows has them. A descriptor is a socket here, and reading and
 * writing one is receiving and sending, as read(2) and write(2) say of sockets.
 */
export function portableCalls<C extends object>(names: readonly string[]): C {
  const missing = absent<Record<string, unknown>>("the system has no such function");
  // Properties of its own, so that a call costs no look into a proxy.
  const all = Object.fromEntries(names.map((name) => [name, missing[name]]));
  const { recv, send, recvBytes, sendBytes } = winsock;
  const here = {
    ...winsock,
    connect,
    dup,
    ioctl: winsock.ioctlsocket, // FIONREAD has the number that BSD gave it
    read: (fd: number, to: Pointer, length: number) => recv(fd, to, length, 0),
    write: (fd: number, from: Pointer, length: number) => send(fd, from, length, 0),
    readBytes: (fd: number, to: Uint8Array, length: number) => recvBytes(fd, to, length, 0),
    writeBytes: (fd: number, from: Uint8Array, length: number) => sendBytes(fd, from, length, 0),
  };
  return { ...all, ...here } as unknown as C;
}

const FIONBIO = 0x8004667e | 0;
const mode = new Native(8);

/** Makes calls on a socket wait, or not: ioctlsocket(FIONBIO). Returns -1 when that fails. */
export function setNonBlockingMode(fd: number, on: boolean): number {
  mode.int32[0] = on ? 1 : 0;
  return winsock.ioctlsocket(fd, FIONBIO, mode.pointer);
}

const value = new Native(128);
const length = new Native(8);

/** Whether the number is a socket of this process. */
export const isSocket = (fd: number): boolean => option(fd, SO_TYPE) !== undefined;

/** A socket option's integer; undefined where there is none. */
function option(fd: number, name: number): number | undefined {
  length.int32[0] = 4;
  value.int32[0] = 0;
  const result = winsock.getsockopt(fd, SOL_SOCKET, name, value.pointer, length.pointer);
  return result === 0 ? value.int32[0] : undefined;
}

/** Whether the socket has neither a peer nor listens: it may be about to connect. */
export function isUnconnected(fd: number): boolean {
  length.int32[0] = 128;
  if (winsock.getpeername(fd, value.pointer, length.pointer) === 0) return false;
  return !option(fd, SO_ACCEPTCONN);
}

/** Whether a connection ended with an error, and not in order: receiving would fail. */
export function isAborted(fd: number): boolean {
  if (winsock.recv(fd, value.pointer, 1, MSG_PEEK) !== -1) return false;
  return winsock.WSAGetLastError() !== wsaErrno().EWOULDBLOCK;
}
