// For consumers whose compiler target is older than Symbol.dispose; kept in the declarations.
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Stream sockets over TCP and Unix sockets, addresses, and the host's own.
 *
 * @module
 */
export { type BindOptions, type DatagramAddress, DatagramSocket } from "./datagram.ts";
export type { Datagram } from "../sys/socket/datagrams.ts";
export { parseHostPort, ResolveError, resolveHost } from "./address.ts";
export type { BlockingHandler, HandlerContext } from "./handler.ts";
export { getAvailablePort, type GetAvailablePortOptions, getNetworkAddress } from "./host.ts";
export type { Bytes } from "./arguments.ts";
export type { BaseSocket } from "./base.ts";
export type { ConnectOptions } from "./connect.ts";
export { dial, type DialOptions, type WaitWritable } from "./dial.ts";
export type { ListenOptions } from "./listen.ts";
export { Socket, socketPair, WOULD_BLOCK } from "./socket.ts";
export { OSError } from "../sys/errno.ts";
export {
  type Address,
  formatAddress,
  type InetAddress,
  type UnixAddress,
} from "../sys/socket/sockaddr.ts";
