/**
 * Addresses of sockets, and the C structs that hold them: sockaddr_in, sockaddr_in6 and sockaddr_un
 * (ip(7), ipv6(7), unix(7)).
 */
import { checkText, kindOf } from "../arguments.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../constants.ts";
import { ERRNO, OSError } from "../errno.ts";
import { cString, Native, open } from "../ffi.ts";
import { c } from "../posix.ts";
import { isBsd, LIBC, system } from "../system.ts";
import { bytesOfIp, familyOf, isZone, splitZone } from "./ip.ts";
import { isAbstract, PATH_FORM, type PathForm, pathProblem } from "./unix_path.ts";

/**
 * An endpoint of TCP over IPv4 or IPv6.
 *
 * @example
 * ```ts
 * import { formatAddress, type InetAddress } from "iomux";
 *
 * const address: InetAddress = { family: "ipv6", host: "::1", port: 80 };
 * console.log(formatAddress(address)); // [::1]:80
 * ```
 */
export interface InetAddress {
  /** Which of the two. */
  readonly family: "ipv4" | "ipv6";
  /** The IP address, IPv6 as RFC 5952 writes it. */
  readonly host: string;
  /** The port, in the host's byte order. */
  readonly port: number;
}

/**
 * An endpoint of a Unix socket; `path` is empty for one without a name (a client, a socket pair), and
 * "@NAME" for an abstract name of Linux.
 *
 * @example
 * ```ts
 * import { formatAddress, type UnixAddress } from "iomux";
 *
 * const address: UnixAddress = { family: "unix", path: "/run/app.sock" };
 * console.log(formatAddress(address)); // unix:/run/app.sock
 * ```
 */
export interface UnixAddress {
  /** Tells it from an InetAddress. */
  readonly family: "unix";
  /** The path in the file system, or "@NAME". */
  readonly path: string;
}

/**
 * The local address of a socket, or that of its peer.
 *
 * @example
 * ```ts
 * import { type Address, Socket } from "iomux";
 *
 * using server = Socket.listen({ host: "127.0.0.1" });
 * const address: Address = server.localAddress;
 * if (address.family !== "unix") console.log(address.host); // 127.0.0.1
 * ```
 */
export type Address = InetAddress | UnixAddress;

/**
 * "127.0.0.1:80", "[::1]:80" or "unix:PATH"; a Unix socket without a name is "unix:(unnamed)".
 *
 * @example
 * ```ts
 * import { formatAddress, Socket } from "iomux";
 *
 * using server = Socket.listen({ host: "127.0.0.1" });
 * console.log("listening on", formatAddress(server.localAddress)); // e.g. listening on 127.0.0.1:40373
 * ```
 */
export function formatAddress(address: Address): string {
  if (address?.family === "unix") {
    return `unix:${checkText(address.path, "path") || "(unnamed)"}`;
  }
  return hostAndPort(checkText(address?.host, "host"), checkPort(address.port));
}

/** "127.0.0.1:80" or "[::1]:80". */
export const hostAndPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** @throws TypeError for what is no number, RangeError unless it is an integer from 0 to 65535 */
export function checkPort(port: unknown): number {
  if (typeof port !== "number") throw new TypeError(`Invalid port: ${kindOf(port)}`);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RangeError(`Invalid port ${port}: ports go from 0 to 65535`);
  }
  return port + 0; // no -0
}

/** The bytes of an IP address. @throws RangeError for anything else */
export function addressBytes(host: string): Uint8Array {
  const bytes = bytesOfIp(host);
  if (bytes === undefined) throw new RangeError(`Invalid IP address "${host}"`);
  return bytes;
}

/** The bytes of an address as text: what `addressBytes` reads. */
export const formatBytes = (bytes: Uint8Array): string =>
  bytes.length === 4
    ? bytes.join(".")
    : formatIPv6(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);

/** Writes an IPv6 address as RFC 5952 says: lower case, the longest run of zeros as "::". */
function formatIPv6(view: DataView, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(at + i * 2));
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff) {
    return `::ffff:${[12, 13, 14, 15].map((i) => view.getUint8(at + i)).join(".")}`;
  }
  const text = groups.map((g) => g.toString(16)).join(":");
  const runs = text.match(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g) ?? [];
  const longest = runs.sort((a, b) => b.length - a.length)[0];
  if (longest === undefined) return text;
  const start = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  const before = text.slice(0, start).replace(/:$/, "");
  const after = text.slice(start + longest.length).replace(/^:/, "");
  return `${before}::${after}`;
}

/** What differs between the systems in these structs. */
export interface SockaddrForm extends PathForm {
  /** BSDs: a byte with the length, and the family in one byte; elsewhere the family has two. */
  readonly lengthByte: boolean;
  readonly inet6: number;
}

const FORM: SockaddrForm = {
  lengthByte: isBsd,
  inet6: AF_INET6,
  ...PATH_FORM,
};

/** Room for the largest of the three structs. */
export const SOCKADDR_SIZE = 128;

/** Writes how a sockaddr begins, and returns its length. */
function begin(view: DataView, family: number, length: number, form: SockaddrForm): number {
  if (form.lengthByte) {
    view.setUint8(0, length);
    view.setUint8(1, family);
  } else {
    view.setUint16(0, family, true);
  }
  return length;
}

/**
 * Writes the sockaddr of an IP address or a Unix path, and returns its length.
 *
 * @throws RangeError for a name, a bad port, or a path with a NUL or that is too long
 */
export function packAddress(
  view: DataView,
  to: { host: string; port: number } | string,
  form: SockaddrForm = FORM,
): number {
  new Uint8Array(view.buffer, view.byteOffset, SOCKADDR_SIZE).fill(0);
  if (typeof to === "string") {
    const problem = pathProblem(to, form);
    if (problem) throw new RangeError(`Invalid path of a Unix socket: ${problem}`);
    const path = new TextEncoder().encode(to);
    new Uint8Array(view.buffer, view.byteOffset + 2).set(path);
    if (!isAbstract(to, form)) return begin(view, AF_UNIX, 2 + path.length + 1, form);
    view.setUint8(2, 0); // unix(7): the name is what follows a NUL, up to the length, without another
    return begin(view, AF_UNIX, 2 + path.length, form);
  }
  const [host, zone] = splitZone(to.host);
  const bytes = addressBytes(zone === undefined || familyOf(to.host) === 6 ? host : to.host);
  const inet = bytes.length === 4;
  view.setUint16(2, checkPort(to.port));
  new Uint8Array(view.buffer, view.byteOffset + (inet ? 4 : 8)).set(bytes);
  if (inet) return begin(view, AF_INET, 16, form);
  view.setUint32(24, zoneIndex(zone), true);
  return begin(view, form.inet6, 28, form);
}

/**
 * An interface's number, 0 for none: if_nametoindex(3). Windows, which has it elsewhere under other names,
 * tells the number beside a link-local address.
 */
function interfaceIndex(name: string): number {
  if (system !== "windows") {
    return open(LIBC, { if_nametoindex: { args: ["buffer"], result: "i32" } })
      .if_nametoindex(cString(name));
  }
  const found = process.getBuiltinModule("node:os").networkInterfaces()[name]
    ?.find((address) => address.family === "IPv6" && address.scopeid > 0);
  return found?.family === "IPv6" ? found.scopeid : 0;
}

/** The scope of a link-local address: "%2" names it by number, "%eth0" by interface. @throws OSError ENODEV */
export function zoneIndex(zone: string | undefined): number {
  if (zone === undefined) return 0;
  if (!isZone(zone)) throw new RangeError(`Invalid interface "${zone}": use its name or number`);
  if (/^\d+$/.test(zone)) return Number(zone);
  const index = interfaceIndex(zone);
  if (index !== 0) return index;
  const code = ERRNO.ENODEV ?? ERRNO.EADDRNOTAVAIL!;
  throw new OSError(code, "if_nametoindex", `find the interface ${zone}`);
}

/** The address in the bytes of a sockaddr. */
export const addressIn = (sockaddr: Uint8Array): Address =>
  unpackAddress(
    new DataView(sockaddr.buffer, sockaddr.byteOffset, sockaddr.length),
    sockaddr.length,
  );

/** Reads the sockaddr that a call such as getsockname(2) left, `length` bytes of it. */
export function unpackAddress(view: DataView, length: number, form: SockaddrForm = FORM): Address {
  const family = form.lengthByte ? view.getUint8(1) : view.getUint16(0, true);
  if (family === AF_UNIX) {
    const path = new Uint8Array(view.buffer, view.byteOffset + 2, Math.max(length - 2, 0));
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes.slice());
    if (form.abstract && path.length > 1 && path[0] === 0) {
      return { family: "unix", path: `@${text(path.subarray(1))}` };
    }
    const end = path.indexOf(0);
    return { family: "unix", path: text(end < 0 ? path : path.subarray(0, end)) };
  }
  const port = view.getUint16(2);
  if (family === AF_INET) {
    const host = [4, 5, 6, 7].map((at) => view.getUint8(at)).join(".");
    return { family: "ipv4", host, port };
  }
  if (family !== form.inet6) throw new Error(`Unknown address family ${family}`);
  const scope = view.getUint32(24, true);
  return { family: "ipv6", host: formatIPv6(view, 8) + (scope ? `%${scope}` : ""), port };
}

const name = new Native(SOCKADDR_SIZE);
const other = new Native(SOCKADDR_SIZE);
const nameLength = new Native(8);

function read(call: "getsockname" | "getpeername", fd: number, into: Native): boolean {
  into.bytes.fill(0);
  nameLength.int32[0] = SOCKADDR_SIZE;
  return c[call](fd, into.pointer, nameLength.pointer) === 0;
}

/** Whether a socket of TCP is its own peer: it has got the port that it was to connect to. */
export function isConnectedToItself(fd: number): boolean {
  if (!read("getsockname", fd, name)) return false;
  const family = FORM.lengthByte ? name.view.getUint8(1) : name.view.getUint16(0, true);
  if (family === AF_UNIX || !read("getpeername", fd, other)) return false;
  return name.bytes.every((byte, i) => byte === other.bytes[i]);
}

/** An address of a socket: its own or its peer's; undefined leaves errno behind. */
export const readAddress = (
  call: "getsockname" | "getpeername",
  fd: number,
): Address | undefined =>
  read(call, fd, name) ? unpackAddress(name.view, nameLength.int32[0]!) : undefined;
