/** The local addresses of `--source`. */
import { hostsOf, parseCidr, sizeOf } from "../../net/cidr.ts";

/** More than this is likely a mistake in the prefix. */
const MOST = 65_536;

/** "ADDR[,ADDR...]", each an address or a network in CIDR notation, of which all hosts are taken. */
export function parseSources(text: string): string[] {
  const networks = text.split(",").map((part) => parseCidr(part.trim()));
  if (networks.reduce((sum, network) => sum + sizeOf(network), 0) > MOST) {
    throw new RangeError(`"${text}" has more than ${MOST} addresses`);
  }
  return networks.flatMap((network) => [...hostsOf(network)]);
}
