/** Which implementation of TLS a thread uses. */
import { runtime } from "../sys/ffi.ts";
import { openSslClient, openSslMissing, openSslServer } from "./openssl.ts";
import { nodeTlsClient, nodeTlsServer } from "./node_tls.ts";
import type { TlsClientOptions, TlsEndpoint, TlsServerOptions } from "./session.ts";

/**
 * For accepted connections: OpenSSL 3, or node:tls where that is missing. Not Bun's: with a peer's
 * close_notify it drops the answers to what came before, and says nothing of it (1.4).
 *
 * @throws TlsConfigError; Error when there is nothing that can serve
 */
export function tlsServer(options: TlsServerOptions): TlsEndpoint {
  const missing = openSslMissing();
  if (missing === undefined) return openSslServer(options);
  if (runtime !== "bun") return nodeTlsServer(options);
  throw new Error(
    `Cannot serve TLS: ${missing}: install OpenSSL 3, as Bun's own is not fit for it`,
  );
}

/** For connections that we make. @throws TlsConfigError */
export const tlsClient = (options: TlsClientOptions): TlsEndpoint =>
  openSslMissing() === undefined ? openSslClient(options) : nodeTlsClient(options);

/** What a person should know when OpenSSL is missing; undefined when it is there. */
export function tlsFallback(): string | undefined {
  const why = openSslMissing();
  if (why === undefined) return undefined;
  return `TLS goes through node:tls, which is slower, as OpenSSL 3 is missing: ${why}` +
    (runtime === "bun"
      ? "; Bun's can't end one direction alone, so client ends after a second of silence"
      : "");
}
