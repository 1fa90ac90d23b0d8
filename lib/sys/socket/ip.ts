/**
 * IP addresses as text: what inet_pton(3) takes. node:net could say it, and costs a short command a quarter of
 * its start.
 */

const BYTE = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;

/** The four bytes of an IPv4 address, or the sixteen of an IPv6 one without a zone; undefined for anything else. */
export function bytesOfIp(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return bytesOf4(text);
  const groups = groupsOf6(text);
  return groups && Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The family of an IP address, of which those of IPv6 may have a zone; undefined for anything else. */
export function familyOf(host: string): 4 | 6 | undefined {
  const [address, zone] = splitZone(host);
  const bytes = bytesOfIp(address);
  if (bytes?.length === 4) return zone === undefined ? 4 : undefined;
  return bytes && (zone === undefined || isZone(zone)) ? 6 : undefined;
}

/** An address, and what stands behind its "%" (RFC 4007, 11); undefined where there is none. */
export function splitZone(host: string): [address: string, zone: string | undefined] {
  const at = host.indexOf("%");
  return at < 0 ? [host, undefined] : [host.slice(0, at), host.slice(at + 1)];
}

/** Whether it may be the name of an interface, or its number: 32 bits. */
export const isZone = (zone: string): boolean =>
  /^\d+$/.test(zone) ? Number(zone) < 2 ** 32 : zone !== "";

function bytesOf4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  const isAddress = parts.length === 4 &&
    parts.every((part) => BYTE.test(part) && Number(part) <= 255);
  return isAddress ? Uint8Array.from(parts, Number) : undefined;
}

/** Eight numbers; "::" stands for at least one of them. */
function groupsOf6(text: string): number[] | undefined {
  const [head = "", tail, ...more] = text.split("::");
  const first = listOf(head, tail === undefined);
  const last = tail === undefined ? [] : listOf(tail, true);
  if (more.length > 0 || !first || !last) return undefined;
  const zeros = 8 - first.length - last.length;
  if (tail === undefined ? zeros !== 0 : zeros < 1) return undefined;
  return [...first, ...Array(zeros).fill(0), ...last];
}

/** The numbers of groups with colons between; the last may be an IPv4 address, which is two. */
function listOf(text: string, mayEndIn4: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups = parts.flatMap((part, i) => {
    if (GROUP.test(part)) return [parseInt(part, 16)];
    const four = mayEndIn4 && i === parts.length - 1 ? bytesOf4(part) : undefined;
    return four ? [four[0]! << 8 | four[1]!, four[2]! << 8 | four[3]!] : [NaN];
  });
  return groups.some(Number.isNaN) ? undefined : groups;
}
