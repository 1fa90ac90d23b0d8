/** Addresses as users write them: parse and resolve. The structs are those of sys/socket/sockaddr.ts. */
import { checkText } from "../sys/arguments.ts";
import { familyOf } from "../sys/socket/ip.ts";
import { checkPort } from "../sys/socket/sockaddr.ts";

/**
 * Splits "HOST:PORT" (IPv6 hosts in brackets) without resolving the host.
 *
 * @throws RangeError when it has no host, no port, or a port that is not between 0 and 65535
 *
 * @example
 * ```ts
 * import { parseHostPort } from "iomux";
 *
 * const { host, port } = parseHostPort("[::1]:8080");
 * console.log(host, port); // ::1 8080
 * ```
 */
export function parseHostPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(checkText(text, "address"));
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) {
    throw new RangeError(`Invalid address "${text}": use HOST:PORT, or [HOST]:PORT for IPv6`);
  }
  return { host, port: checkPort(Number(match![3])) };
}

/** What the resolver's codes mean. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRFAMILY: "no address of that family",
  EAI_AGAIN: "no name server has answered",
  ENOTFOUND: "no such name",
};

/**
 * A host could not be resolved.
 *
 * @example
 * ```ts
 * import { ResolveError, resolveHost } from "iomux";
 *
 * try {
 *   await resolveHost("::1", 4);
 * } catch (error) {
 *   if (error instanceof ResolveError) console.log(error.code); // EADDRFAMILY
 * }
 * ```
 */
export class ResolveError extends Error {
  /** "ResolveError" */
  override readonly name = "ResolveError";
  /** The resolver's code: "ENOTFOUND", "EAI_AGAIN". */
  readonly code: string;
  /** `host` is the name that was asked for. */
  constructor(host: string, code: string) {
    const reason = REASONS[code];
    super(`Cannot resolve ${host}: ${code}${reason === undefined ? "" : ` (${reason})`}`);
    this.code = code;
  }
}

/**
 * The IP addresses of a host, in the order in which to try them. An address is its own answer, and
 * "localhost" is the loopback without a query (RFC 6761, 6.3); other names go to the runtime's
 * resolver.
 *
 * @throws ResolveError when there is none
 *
 * @example
 * ```ts
 * import { resolveHost } from "iomux";
 *
 * console.log((await resolveHost("localhost")).join(" ")); // 127.0.0.1 ::1
 * ```
 */
export async function resolveHost(host: string, family?: 4 | 6): Promise<string[]> {
  checkText(host, "host");
  if (family !== undefined && family !== 4 && family !== 6) {
    throw new TypeError("Invalid family: use 4 or 6");
  }
  const wanted = (address: string) => family === undefined || familyOf(address) === family;
  const literal = literalAddresses(host)?.filter(wanted);
  if (literal?.length) return literal;
  if (literal) throw new ResolveError(host, "EADDRFAMILY");
  // Runtimes disagree about the empty name and "*": nothing, the loopback, or an error of the argument. A
  // zone belongs to an address, and this is none.
  if (host === "" || host === "*" || host.includes("%")) throw new ResolveError(host, "ENOTFOUND");
  const { lookup } = process.getBuiltinModule("node:dns/promises");
  try {
    const found = await lookup(host, { all: true, ...(family ? { family } : {}) });
    if (found.length > 0) return found.map(({ address }) => address);
  } catch (error) {
    throw new ResolveError(host, (error as { code?: string }).code ?? (error as Error).message);
  }
  throw new ResolveError(host, "ENOTFOUND");
}

/** The addresses of what needs no resolver; undefined for a name. */
export function literalAddresses(host: string): string[] | undefined {
  if (familyOf(host)) return [host];
  return host === "localhost" ? ["127.0.0.1", "::1"] : undefined;
}
