/** The checks of what callers pass in: what TypeScript refuses must not become a silent 0 at run time. */
import { checkPort } from "../sys/socket/sockaddr.ts";
import { familyOf, literalAddresses } from "./address.ts";

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

/** The bytes of a buffer, whatever its elements are. @throws TypeError for anything else */
export function bytesOf(buffer: Bytes): Uint8Array {
  if (buffer instanceof Uint8Array) return buffer;
  if (ArrayBuffer.isView(buffer)) {
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer);
  throw new TypeError(`Invalid buffer: ${kindOf(buffer)}; use an ArrayBuffer or a view of one`);
}

/** What a value is, for messages. */
export const kindOf = (value: unknown): string =>
  value === null ? "null" : typeof value === "object" ? "an object" : `a ${typeof value}`;

/** The options of a call. @throws TypeError when they are no object */
export function checkOptions(options: unknown, example: string): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`Invalid options: ${kindOf(options)}; use ${example}`);
  }
}

/** @throws TypeError unless the value is a string */
export function checkText(value: unknown, name: string): string {
  if (typeof value !== "string") throw new TypeError(`Invalid ${name}: ${kindOf(value)}; use text`);
  return value;
}

/** @throws TypeError for what is no number, RangeError unless it is an integer from least to most */
export function checkInteger(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== "number") throw new TypeError(`Invalid ${name}: ${kindOf(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`Invalid ${name} ${value}: use an integer from ${least} to ${most}`);
  }
  return value;
}

/** Throws RangeError unless `ms` is a time to wait: 0 or more, Infinity included. */
export function checkDuration(ms: number): void {
  if (typeof ms !== "number") throw new TypeError(`Invalid timeout: ${kindOf(ms)}`);
  if (!(ms >= 0)) throw new RangeError(`Invalid timeout: ${ms} milliseconds`);
}

/** A port. */
export function portOf(port: unknown): number {
  if (typeof port !== "number") throw new TypeError(`Invalid port: ${kindOf(port)}`);
  return checkPort(port);
}

/** The family that a local address leaves; undefined where there is none, or a name. */
export function familyOfBind(bind: { host: string; port?: number } | undefined): 4 | 6 | undefined {
  if (bind === undefined) return undefined;
  checkOptions(bind, "{ host, port }");
  portOf(bind.port ?? 0);
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
  throw new RangeError(
    `Cannot use the host name "${host}" here: resolve it with resolveHost, or use dial`,
  );
}
