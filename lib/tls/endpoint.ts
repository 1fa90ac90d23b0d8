/** Which implementation of TLS a thread uses. */
import { openSslClient, openSslMissing, openSslServer } from "./openssl.ts";
import { nodeTlsClient, nodeTlsServer } from "./node_tls.ts";
import type { TlsClientOptions, TlsEndpoint, TlsServerOptions } from "./session.ts";

/** For accepted connections: OpenSSL 3, or node:tls where that is missing. @throws TlsConfigError */
export const tlsServer = (options: TlsServerOptions): TlsEndpoint =>
  openSslMissing() === undefined ? openSslServer(options) : nodeTlsServer(options);

/** For connections that we make. @throws TlsConfigError */
export const tlsClient = (options: TlsClientOptions): TlsEndpoint =>
  openSslMissing() === undefined ? openSslClient(options) : nodeTlsClient(options);
