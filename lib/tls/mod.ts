/** TLS for serve, client and stress. */
export { alternate, type Loop, runThrough } from "./alternate.ts";
export { tlsConnect, tlsListener, tlsObserver } from "./decorate.ts";
export { tlsClient, tlsFallback, tlsServer } from "./endpoint.ts";
export { type TlsCode, TlsConfigError, TlsError } from "./errors.ts";
export { TlsSocket } from "./socket.ts";
export type { TlsClientOptions, TlsEndpoint, TlsServerOptions } from "./session.ts";
