/** Which server a client means: what its certificate must be for. */
import { familyOf } from "../sys/socket/ip.ts";
import { TlsError } from "./errors.ts";

/** A name, or an IP address, in the form that is looked for in certificates. */
export interface Expectation {
  readonly kind: "name" | "address";
  readonly name: string;
}

/**
 * What a certificate must be for, of a host as it stands in a target: the zone of an address is this
 * machine's own (RFC 6874), and a final dot belongs to the DNS.
 *
 * @throws TlsError for an empty name, or one with a NUL: OpenSSL would take the first for "any"; and for one
 * that begins with a dot, which it would take for every name below that
 */
export function expectationOf(host: string): Expectation {
  const address = host.replace(/%.*$/, "");
  if (familyOf(address) !== undefined) return { kind: "address", name: address };
  const name = host.replace(/\.$/, "");
  if (name === "" || name.startsWith(".") || name.includes("\0")) {
    throw new TlsError("TLS_CERTIFICATE", `${JSON.stringify(host)} is no name to look for in it`);
  }
  return { kind: "name", name };
}
