/** What `iomux serve --handler` runs: code for one connection, on a blocking socket. */
import type { Socket } from "./socket.ts";

/**
 * What a handler gets beside the socket.
 *
 * @example
 * ```ts
 * import type { BlockingHandler, HandlerContext } from "iomux";
 *
 * const title = ({ connection, worker }: HandlerContext) => `${connection} by worker ${worker}`;
 * const handler: BlockingHandler = (socket, context) => {
 *   socket.sendAll(new TextEncoder().encode(`you are ${title(context)}\n`));
 *   return "close";
 * };
 * console.log(handler.length); // 2
 * ```
 */
export interface HandlerContext {
  /** Which connection of the server it is, counted from 1; the same each time it is handed over. */
  readonly connection: number;
  /** How often it has been handed over, this time included. */
  readonly handoff: number;
  /** Which worker of the pool this is, counted from 1. */
  readonly worker: number;
}

/**
 * The default export of a handler module: `iomux serve --handler FILE` calls it when a connection has
 * something to read (or its peer has ended), in a worker, with the socket in blocking mode.
 *
 * Returning nothing gives the connection back, and the next bytes that arrive bring it here again;
 * "close" closes it, and so does an error that is thrown. Bytes that were received and belong to a
 * later call are given back with `socket.unread`. The socket is the handler's until it returns. A
 * handler may be async: its worker does nothing else until the promise is settled. (One that only closes returns
 * `"close" as const`, since the compiler takes the only text that an async function returns for any text.)
 *
 * @example
 * ```ts
 * import { type BlockingHandler, socketPair } from "iomux";
 *
 * const greet: BlockingHandler = (socket) => {
 *   const name = socket.readLine();
 *   if (name === null) return "close";
 *   socket.sendAll(new TextEncoder().encode(`hello ${name}\n`));
 * };
 *
 * const [client, server] = socketPair(); // as the server would call it
 * client.setBlocking(true);
 * server.setBlocking(true);
 * client.sendAll(new TextEncoder().encode("world\n"));
 * greet(server, { connection: 1, handoff: 1, worker: 1 });
 * console.log(client.readLine()); // hello world
 * ```
 */
export type BlockingHandler = (
  socket: Socket,
  context: HandlerContext,
) => "close" | void | Promise<"close" | void>;
