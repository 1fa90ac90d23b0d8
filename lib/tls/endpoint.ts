/** Which implementation of TLS a thread uses. */
import { runtime } from "../sys/ffi.ts";
import { openSslClient, openSslMissing, openSslServer } from "./openssl.ts";
import { nodeTlsClient, nodeTlsServer } from "./node_tls.ts";
import type { TlsClientOptions, TlsEndpoint, TlsServerOptions } from "./session.ts";

/** For accepted connections: OpenSSL 3, or node:tls where that is missing. @throws TlsConfigError */
export const tlsServer = (options: TlsServerOptions): TlsEndpoint =>
  openSslMissing() === undefined ? openSslServer(options) : nodeTlsServer(options);

/** For connections that we make. @throws TlsConfigError */
export const tlsClient = (options: TlsClientOptions): TlsEndpoint =>
  openSslMissing() === undefined ? openSslClient(options) : nodeTlsClient(options);

/** What a person should know when OpenSSL is missing; undefined when it is there. */
export function tlsFallback(): string | undefined {
  const why = openSslMissing();
  if (why === undefined) return undefined;
  return `TLS goes through node:tls, which is slower, as OpenSSL 3 is missing: ${why}` +
    (runtime === "bun"
      ? "; Bun's can't end one direction alone: client ends after a second of silence with TLS 1.2, " +
        "and with ChaCha20, where serve loses answers that a half-close overtakes"
      : "");
}
