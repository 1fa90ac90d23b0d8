/** The checks of what callers pass in that are of the network: buffers, ports, hosts. */
import { checkAmount, checkOptions, checkText, kindOf } from "../sys/arguments.ts";
import { addressBytes, checkPort } from "../sys/socket/sockaddr.ts";
import { familyOf } from "../sys/socket/ip.ts";
import { literalAddresses } from "./address.ts";

/**
 * What bytes can be read from or written to. Lengths and offsets count bytes, whatever the elements are.
 *
 * @example
 * ```ts
 * import { type Bytes, socketPair } from "iomux";
 *
 * const numbers: Bytes = Uint16Array.of(1, 2, 3);
 * const [a] = socketPair();
 * console.log(a.send(numbers)); // 6
 * ```
 */
export type Bytes = ArrayBufferView | ArrayBuffer;

/**
 * The bytes of a buffer, whatever its elements are.
 *
 * @throws TypeError for anything else, and for memory that was detached: given to another thread
 */
export function bytesOf(buffer: Bytes): Uint8Array {
  if (buffer instanceof Uint8Array) return buffer.length > 0 ? buffer : attached(buffer);
  if (ArrayBuffer.isView(buffer)) {
    attached(buffer);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }
  if (buffer instanceof ArrayBuffer) return new Uint8Array(attached({ buffer }).buffer);
  throw new TypeError(`Invalid buffer: ${kindOf(buffer)}; use an ArrayBuffer or a view of one`);
}

/** Detached memory has no bytes, which is not the same as an empty buffer: what was meant is elsewhere. */
function attached<V extends { readonly buffer: ArrayBufferLike }>(view: V): V {
  const { buffer } = view;
  if (!(buffer instanceof ArrayBuffer) || !buffer.detached) return view;
  throw new TypeError("Invalid buffer: it is detached (was it sent to another thread?)");
}

/** Throws RangeError unless `ms` is a time to wait: 0 or more, Infinity included. */
export const checkDuration = (ms: unknown): void => checkAmount(ms, "timeout", "milliseconds");

/** The family that a local address leaves; undefined where there is none, or a name. */
export function familyOfBind(bind: { host: string; port?: number } | undefined): 4 | 6 | undefined {
  if (bind === undefined) return undefined;
  checkOptions(bind, ENDPOINT);
  checkPort(bind.port ?? 0);
  return familyOf(checkText(bind.host, "host"));
}

/**
 * The addresses of a host for a synchronous call, which can't ask a resolver: those of a family if it has any,
 * as both ends of a connection are of one.
 */
export function numericHosts(host: string, family?: 4 | 6): string[] {
  const addresses = literalAddresses(checkText(host, "host"));
  const fitting = addresses?.filter((address) =>
    family === undefined || familyOf(address) === family
  );
  if (addresses !== undefined) return fitting!.length > 0 ? fitting! : addresses;
  if (host.includes("%")) addressBytes(host); // no address, and no name has that
  throw new RangeError(
    `Cannot use the host name "${host}" here: resolve it with resolveHost, or use dial`,
  );
}

/**
 * Checks options that name an endpoint.
 *
 * @throws RangeError for a path together with a host or a port, one of which would mean nothing
 */
export function checkEndpoint(
  options: { path?: unknown; host?: unknown; port?: unknown },
  known: readonly string[],
): void {
  checkOptions(options, known);
  const { path, host, port } = options;
  if (path === undefined || (host === undefined && port === undefined)) return;
  throw new RangeError(
    'Cannot use "path" together with "host" or "port": a Unix socket has neither',
  );
}

/** What names an endpoint; "family" makes an {@linkcode Address} one. */
export const ENDPOINT = ["host", "port", "path", "family"] as const;
