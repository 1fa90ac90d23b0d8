/** From a connected socket to one with TLS: the handshake, within a time. */
import type { Socket } from "../net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../selectors/mod.ts";
import { type TlsEndpoint, TlsSocket } from "../tls/mod.ts";
import type { Bounds } from "./connect.ts";
import type { Loop } from "./loop.ts";

/**
 * Shakes hands. The TLS socket owns the socket and the endpoint: when that fails it has closed them.
 *
 * @throws TlsError; OSError
 */
export async function secure(
  socket: Socket,
  endpoint: TlsEndpoint,
  serverName: string | undefined,
  bounds: Omit<Bounds, "trace">,
  loop: Loop,
): Promise<TlsSocket> {
  const tls = new TlsSocket(socket, endpoint, serverName);
  try {
    while (!tls.isSecured) {
      bounds.stop.throwIfAborted();
      const left = bounds.deadline - performance.now();
      if (left <= 0) throw bounds.late();
      const events = EVENT_READ | (tls.hasOutgoing ? EVENT_WRITE : 0);
      loop.watch(socket.fileno(), events, () => tls.take());
      await loop.turn(left);
    }
    loop.forget(socket.fileno());
    return tls;
  } catch (error) {
    loop.forget(socket.fileno());
    tls[Symbol.dispose]();
    throw error;
  }
}
