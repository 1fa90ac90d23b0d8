/** Whom a connection is with, for messages. */
import { formatAddress, type Socket } from "../net/mod.ts";

/** Whom a socket is connected to, in words. */
export function peerNameOf(socket: Socket): string {
  try {
    return formatAddress(socket.remoteAddress);
  } catch {
    return "unknown"; // reset before anybody asked
  }
}
