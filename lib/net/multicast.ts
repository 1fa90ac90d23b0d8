/** Multicast: who receives what is sent to a group, and how it leaves. See ip(7), ipv6(7), RFC 3493. */
import {
  IP_ADD_MEMBERSHIP,
  IP_DROP_MEMBERSHIP,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_JOIN_GROUP,
  IPV6_LEAVE_GROUP,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
} from "../sys/constants.ts";
import { checkFlag, checkInteger, checkOptions, checkText } from "../sys/arguments.ts";
import { check } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import { c } from "../sys/posix.ts";
import { addressBytes, zoneIndex } from "../sys/socket/sockaddr.ts";
import { setInt } from "./options.ts";

/** Room for struct ip_mreq (8 bytes) and struct ipv6_mreq (20). */
const request = new Native(24);

/** Joins or leaves a group, on an interface (IPv4: its address; IPv6: its name or number). */
export function membership(
  fd: number,
  group: string,
  iface: string | undefined,
  join: boolean,
): void {
  const bytes = addressBytes(checkText(group, "group"));
  if (iface !== undefined) checkText(iface, "interface");
  const memory = request.bytes.fill(0);
  memory.set(bytes);
  const six = bytes.length === 16;
  if (six) request.view.setUint32(16, zoneIndex(iface), true);
  else if (iface !== undefined) memory.set(addressBytes(iface), 4);
  const option = six
    ? (join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP)
    : join
    ? IP_ADD_MEMBERSHIP
    : IP_DROP_MEMBERSHIP;
  const level = six ? IPPROTO_IPV6 : IPPROTO_IP;
  check(
    c.setsockopt(fd, level, option, request.pointer, six ? 20 : 8),
    "setsockopt",
    `${join ? "join" : "leave"} the multicast group ${group}`,
  );
}

/** Sets how multicast datagrams leave; what is not given stays. */
export function outgoing(
  fd: number,
  six: boolean,
  options: { hops?: number; loop?: boolean; iface?: string },
): void {
  checkOptions(options, ["hops", "loop", "iface"]);
  const { hops, loop, iface } = options;
  if (loop !== undefined) checkFlag(loop, "loop");
  if (iface !== undefined) checkText(iface, "interface");
  const level = six ? IPPROTO_IPV6 : IPPROTO_IP;
  const [ttl, back] = six
    ? [IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP]
    : [IP_MULTICAST_TTL, IP_MULTICAST_LOOP];
  if (hops !== undefined) setInt(fd, level, ttl, checkInteger(hops, "hops", 0, 255));
  if (loop !== undefined) setInt(fd, level, back, loop ? 1 : 0);
  if (iface === undefined) return;
  if (six) return setInt(fd, level, IPV6_MULTICAST_IF, zoneIndex(iface));
  request.bytes.subarray(0, 4).set(addressBytes(iface));
  check(
    c.setsockopt(fd, level, IP_MULTICAST_IF, request.pointer, 4),
    "setsockopt",
    `send multicast over ${iface}`,
  );
}
