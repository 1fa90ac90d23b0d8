/** The local addresses of `--source`. */
import { isIP, isIPv4 } from "node:net";

/** More than this is likely a mistake in the prefix. */
const MOST = 65_536;

/** "ADDR[,ADDR...]", each an address or a network in CIDR notation, of which all hosts are taken. */
export function parseSources(text: string): string[] {
  const addresses = text.split(",").flatMap((part) => expand(part.trim()));
  if (addresses.length > MOST) throw new Error(`"${text}" are more than ${MOST} addresses`);
  return addresses;
}

function expand(text: string): string[] {
  const [address = "", prefix, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) {
    throw new Error(
      `"${text}" is no address: give IP addresses, or a network such as 127.0.0.0/24`,
    );
  }
  if (prefix === undefined) return [address];
  const bits = family === 4 ? 32 : 128;
  if (!/^\d+$/.test(prefix) || Number(prefix) > bits) {
    throw new Error(`"${text}" has no prefix length from 0 to ${bits}`);
  }
  const hostBits = bits - Number(prefix);
  if (hostBits > 16) throw new Error(`"${text}" has more than ${MOST} addresses`);
  const size = 2 ** hostBits;
  const start = toBytes(address);
  start[start.length - 1]! &= hostBits >= 8 ? 0 : 256 - size;
  if (hostBits > 8) start[start.length - 2]! &= 256 - size / 256;
  // The first address of an IPv4 network names it, the last one is its broadcast address.
  const edge = family === 4 && size > 2 ? 1 : 0;
  const found: string[] = [];
  for (let host = edge; host < size - edge; host++) {
    const bytes = Uint8Array.from(start);
    bytes[bytes.length - 1]! |= host & 255;
    bytes[bytes.length - 2]! |= host >> 8;
    found.push(show(bytes));
  }
  return found;
}

function toBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split(".").map(Number));
  const url = new URL(`http://[${address}]/`).hostname.slice(1, -1); // compressed, without IPv4
  const [head = "", tail] = url.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":").map((g) => parseInt(g, 16));
  const [front, back] = [groups(head), groups(tail ?? "")];
  const all = [...front, ...Array(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(all.flatMap((group: number) => [group >> 8, group & 255]));
}

function show(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, i) => (bytes[2 * i]! << 8 | bytes[2 * i + 1]!).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}
