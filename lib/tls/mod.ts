/** TLS for serve, client and stress. */
export { tlsConnect, tlsListener, tlsObserver } from "./decorate.ts";
export { tlsClient, tlsServer } from "./endpoint.ts";
export { type TlsCode, TlsConfigError, TlsError } from "./errors.ts";
export type { TlsClientOptions, TlsEndpoint, TlsServerOptions } from "./session.ts";
