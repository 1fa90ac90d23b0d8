/** Keys, certificates and authorities: read from their files once, so that a pipe will do. */
import { readFileSync } from "node:fs";
import { reasonOf } from "../sys/reason.ts";

/** TLS can't be used as it is configured: which file, and what is wrong with it. */
export class TlsConfigError extends Error {
  override readonly name = "TlsConfigError";
}

/** A PEM file that was read. As an ArrayBuffer its bytes can be cloned, and no JSON shows them. */
export interface Pem {
  readonly path: string;
  readonly bytes: ArrayBuffer;
}

/** A certificate with the chain above it, and its key. */
export interface TlsIdentity {
  readonly cert: Pem;
  readonly key: Pem;
}

/** How a client speaks TLS. */
export interface TlsClientOptions {
  /** The only authorities that are trusted; without it those of the system. */
  readonly ca?: Pem;
  readonly insecure: boolean;
  /** Who the client is, for servers that ask for a certificate. */
  readonly identity?: TlsIdentity;
  /** Protocols offered by ALPN (RFC 7301), the preferred one first: "h2". */
  readonly alpn?: readonly string[];
}

/** The same, to one server. */
export interface TlsConnectOptions extends TlsClientOptions {
  /** What its certificate must be for: a name, or an IP address. */
  readonly serverName: string;
}

const CERTIFICATE = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/;
const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** Reads a certificate and its key. @throws TlsConfigError */
export const readIdentity = (cert: string, key: string): TlsIdentity => ({
  cert: readPem(cert, "certificate", CERTIFICATE),
  key: readPem(key, "key", KEY),
});

/** Reads a file of authorities. @throws TlsConfigError */
export const readAuthorities = (path: string): Pem => readPem(path, "authorities", CERTIFICATE);

/**
 * Reads a PEM file that must contain what `pattern` looks for.
 *
 * @throws TlsConfigError when it can't be read, or is something else, or is encrypted
 */
function readPem(path: string, what: string, pattern: RegExp): Pem {
  let read: Uint8Array;
  try {
    read = readFileSync(path);
  } catch (error) {
    throw new TlsConfigError(`Cannot read the ${what} ${path}: ${reasonOf(error)}`);
  }
  const text = new TextDecoder("latin1").decode(read);
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new TlsConfigError(
      `Cannot use the ${what} ${path}: it is encrypted; decrypt it with: openssl pkey -in FILE -out FILE`,
    );
  }
  if (!pattern.test(text)) {
    throw new TlsConfigError(
      `Cannot use the ${what} ${path}: there is none in it; a PEM file is needed ("-----BEGIN …")`,
    );
  }
  const bytes = new ArrayBuffer(read.length);
  new Uint8Array(bytes).set(read);
  return { path, bytes };
}
