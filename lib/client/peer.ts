/** Whom a session talks to. */
import type { Socket } from "../net/mod.ts";
import { bytesInTransit } from "../sys/socket/sockets.ts";
import type { TlsSocket } from "../tls/mod.ts";

/** A Socket, or one with TLS around it, which may hold bytes of either way. */
export type PeerSocket =
  & Pick<Socket, "fileno" | "recv" | "send" | "shutdown">
  & Partial<Pick<TlsSocket, "hasIncoming" | "hasOutgoing" | "flush" | "writtenBytes">>;

/** A connected peer. Disposing of it closes the connection. */
export interface Peer extends Disposable {
  readonly socket: PeerSocket;
  /** Below TLS, or the same. */
  readonly transport: Socket;
}

/**
 * Bytes that were sent and that the peer's kernel has not taken yet; with TLS bytes of its records. FIN
 * counts as one of them (tcp(7), SIOCOUTQ). Unix sockets hand bytes over at once.
 */
export const inTransit = ({ transport }: Peer): number =>
  transport.localAddress.family === "unix" ? 0 : bytesInTransit(transport.fileno());
