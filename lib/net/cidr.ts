/** Networks in CIDR notation (RFC 4632, RFC 4291 2.3), and which addresses are in them. */
import { addressBytes, formatBytes } from "../sys/socket/sockaddr.ts";

/** A network: the first `prefix` bits of `bytes`, of which IPv4 has 4 and IPv6 16. */
export interface Network {
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** How many bytes of ::ffff:0:0/96 stand before an IPv4 address in an IPv6 one (RFC 4291 2.5.5.2). */
const MAPPED_BYTES = 12;

const isMapped = (bytes: Uint8Array) =>
  bytes.length === 16 && bytes[10] === 0xff && bytes[11] === 0xff &&
  bytes.subarray(0, 10).every((byte) => byte === 0);

/**
 * The bytes that identify an address. A client over IPv4 is the same client whether it is written as
 * such or, as a dual-stack socket sees it, as ::ffff:192.0.2.1: four bytes. A zone is not part of it.
 *
 * @throws RangeError for what is no IP address
 */
export function canonicalBytes(host: string): Uint8Array {
  const bytes = addressBytes(host.replace(/%.*/, ""));
  return isMapped(bytes) ? bytes.subarray(MAPPED_BYTES) : bytes;
}

/**
 * Reads "192.0.2.0/24", "2001:db8::/32", or an address, which is a network of one. Bits behind the
 * prefix have no meaning.
 *
 * @throws RangeError when it is neither
 */
export function parseCidr(text: string): Network {
  const [, host = "", digits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  let bytes: Uint8Array;
  try {
    bytes = addressBytes(host);
  } catch {
    throw new RangeError(
      `"${text}" is no network: use 192.0.2.0/24, 2001:db8::/32 or an IP address`,
    );
  }
  const bits = bytes.length * 8;
  const prefix = digits === undefined ? bits : Number(digits);
  if (prefix > bits) throw new RangeError(`"${text}" is no network: the most is /${bits}`);
  if (!isMapped(bytes)) return { bytes, prefix };
  if (prefix < MAPPED_BYTES * 8) {
    const address = formatBytes(bytes.subarray(MAPPED_BYTES));
    throw new RangeError(
      `"${text}" is no network: of ::ffff:${address} the least is /${
        MAPPED_BYTES * 8
      }; or use ${address}/N`,
    );
  }
  return { bytes: bytes.subarray(MAPPED_BYTES), prefix: prefix - MAPPED_BYTES * 8 };
}

/** Whether an address, as `canonicalBytes` gives it, is in a network. ::/0 has no IPv4 in it. */
export function contains({ bytes, prefix }: Network, address: Uint8Array): boolean {
  if (bytes.length !== address.length) return false;
  const whole = prefix >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== address[i]) return false;
  const rest = prefix & 7;
  return rest === 0 || ((bytes[whole]! ^ address[whole]!) >> (8 - rest)) === 0;
}

/** How many addresses a network has; a number as large as 2^128 is not exact. */
export const sizeOf = ({ bytes, prefix }: Network): number => 2 ** (bytes.length * 8 - prefix);

/**
 * The addresses of a network that a host may have: all, but for the first of an IPv4 network, which names
 * it, and the last, which is its broadcast address.
 */
export function* hostsOf(network: Network): Generator<string, undefined> {
  const { bytes, prefix } = network;
  const size = sizeOf(network);
  const edge = bytes.length === 4 && size > 2 ? 1 : 0;
  const whole = prefix >> 3;
  const start = bytes.map((byte, i) =>
    i < whole ? byte : i > whole ? 0 : byte & (0xff00 >> (prefix & 7))
  );
  for (let host = edge; host < size - edge; host++) {
    const address = start.slice();
    for (let i = address.length - 1, rest = host; rest > 0; i--, rest = Math.floor(rest / 256)) {
      address[i]! |= rest & 255;
    }
    yield formatBytes(address);
  }
}
