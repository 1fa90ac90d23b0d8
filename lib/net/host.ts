/** A free port and the machine's own address, with the names and results of @std/net. */
import { checkOptions, checkWord } from "../sys/arguments.ts";
import { system } from "../sys/system.ts";
import { canonicalBytes, contains, parseCidr } from "./cidr.ts";
import { Socket } from "./socket.ts";

/**
 * Options of `getAvailablePort`.
 *
 * @example
 * ```ts
 * import { getAvailablePort, type GetAvailablePortOptions } from "iomux";
 *
 * const options: GetAvailablePortOptions = { preferredPort: 8080 };
 * console.log(getAvailablePort(options)); // e.g. 8080
 * ```
 */
export interface GetAvailablePortOptions {
  /** Take this port when it is free, another otherwise. */
  preferredPort?: number;
}

/** Windows says EACCES of ports that others have to themselves, or that the system keeps for itself. */
const TAKEN = new Set(system === "windows" ? ["EADDRINUSE", "EACCES"] : ["EADDRINUSE"]);

/**
 * A TCP port that is free now. Another program may take it before the caller does: to listen,
 * prefer port 0.
 *
 * @example
 * ```ts
 * import { getAvailablePort } from "iomux";
 *
 * console.log(getAvailablePort()); // e.g. 40373
 * ```
 */
export function getAvailablePort(options?: GetAvailablePortOptions): number {
  if (options !== undefined) checkOptions(options, ["preferredPort"]);
  const { preferredPort = 0 } = options ?? {};
  for (const port of [preferredPort, 0]) {
    try {
      using socket = Socket.listen({ host: "0.0.0.0", port });
      return socket.port;
    } catch (error) {
      if (port === 0 || !TAKEN.has((error as { code: string }).code)) throw error;
    }
  }
  throw new Error("unreachable");
}

const LINK_LOCAL = ["169.254.0.0/16", "fe80::/10"];
const isLinkLocal = (address: string) =>
  LINK_LOCAL.some((network) => contains(parseCidr(network), canonicalBytes(address)));

/**
 * The machine's first address that others can reach by it: neither loopback nor link-local.
 *
 * @example
 * ```ts
 * import { getNetworkAddress } from "iomux";
 *
 * console.log(getNetworkAddress() ?? "no network"); // e.g. 192.168.1.20
 * ```
 */
export function getNetworkAddress(family: "IPv4" | "IPv6" = "IPv4"): string | undefined {
  checkWord(family, "family", ["IPv4", "IPv6"]);
  const interfaces = process.getBuiltinModule("node:os").networkInterfaces();
  return Object.values(interfaces).flat()
    .find((a) => a && a.family === family && !a.internal && !isLinkLocal(a.address))?.address;
}
