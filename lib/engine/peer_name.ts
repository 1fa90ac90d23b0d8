/** The name of a connection's peer, for messages. */
import { formatAddress, type Socket } from "../net/mod.ts";

/** The peer's address in words. */
export function peerNameOf(socket: Socket): string {
  try {
    return formatAddress(socket.remoteAddress);
  } catch {
    return "unknown"; // it has reset already
  }
}
