/** TLS for serve, client and stress. */
export { lateOpening, tlsConnect, tlsListener, tlsObserver } from "./decorate.ts";
export { tlsClient, type TlsEndpoint, tlsServer } from "./endpoint.ts";
export type { TlsConnectOptions, TlsIdentity } from "./credentials.ts";
export type { TlsInfo } from "./session.ts";
export { TlsSocket } from "./socket.ts";
