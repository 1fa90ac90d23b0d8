/** Whom a session talks to, and what the kernel there has taken. */
import type { Socket } from "../net/mod.ts";
import { bytesInTransit } from "../sys/socket/sockets.ts";
import { tcpInfo } from "../sys/socket/tcp_info.ts";
import type { TlsSocket } from "../tls/mod.ts";
import type { Loop } from "./loop.ts";
import { Marks } from "./marks.ts";

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
const inTransit = ({ transport }: Peer): number =>
  transport.localAddress.family === "unix" ? 0 : bytesInTransit(transport.fileno());

/** How long the peer's kernel may take nothing of what is left at the end. */
const STALLED_MS = 5000;
/** Between two looks at that, at most. */
const LOOK_MS = 20;

export class Delivery {
  readonly #peer: Peer;
  readonly #marks: Marks;
  #sentBytes = 0;
  /** All that was written, once the end has followed it. */
  #allBytes: number | undefined;
  /** What FIN, and close_notify before it, add to what is in transit. */
  #finBytes = 0;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.#marks = new Marks(this.#written);
  }

  get ended(): boolean {
    return this.#allBytes !== undefined;
  }
  /** Bytes of what was to be sent that the peer's kernel has not taken, though they were sent. */
  get notTaken(): number {
    const left = this.inTransit;
    return left === 0 ? 0 : this.#marks.source - this.#marks.sourceAt(this.#all - left);
  }
  /** The same in bytes on the wire. */
  get inTransit(): number {
    const waiting = this.#peer.socket.hasOutgoing ? 1 : 0;
    return Math.max(waiting, inTransit(this.#peer) - this.#finBytes, this.#unacknowledged);
  }
  /**
   * The same by what the peer has acknowledged, where the kernel counts that: a reset empties the queue
   * that SIOCOUTQ counts, whatever became of it. SYN and FIN are counted as bytes.
   */
  get #unacknowledged(): number {
    const acknowledged = tcpInfo(this.#peer.transport.fileno())?.acknowledgedBytes ?? 0;
    const left = this.#all - acknowledged;
    return acknowledged === 0 || left <= 2 ? 0 : left;
  }
  /** Bytes for the kernel so far: with TLS those of its records. */
  get #written(): number {
    return this.#peer.socket.writtenBytes ?? this.#sentBytes;
  }

  get #all(): number {
    return this.#allBytes ?? this.#written;
  }

  /** Counts what was sent, and for how many bytes of what was to be sent it stands. */
  sent(bytes: number, source: number = bytes): void {
    this.#sentBytes += bytes;
    this.#marks.add(source, this.#written);
  }

  /** Sends FIN, once. @throws OSError */
  end(): void {
    if (this.ended) return;
    this.#allBytes = this.#written;
    const before = inTransit(this.#peer);
    try {
      this.#peer.socket.shutdown("write");
    } finally {
      this.#finBytes = Math.max(0, inTransit(this.#peer) - before);
    }
  }

  /**
   * Waits until the peer's kernel has taken all, or takes nothing more. Resolves to why the connection has
   * failed meanwhile, if it has. `look` is called again and again, and may know why.
   *
   * @throws the signal's reason
   */
  async settle(
    loop: Loop,
    stop: AbortSignal,
    look: () => Error | undefined,
  ): Promise<Error | undefined> {
    let failed = look();
    let left = this.inTransit;
    let deadline = performance.now() + STALLED_MS;
    for (
      let wait = 1;
      left > 0 && performance.now() < deadline;
      wait = Math.min(2 * wait, LOOK_MS)
    ) {
      const error = failed ?? this.#peer.transport.takeError() ?? this.#flush();
      if (error) return error;
      await loop.turn(wait);
      stop.throwIfAborted();
      failed = look();
      const now = this.inTransit;
      if (now < left) deadline = performance.now() + STALLED_MS;
      left = now;
    }
    return undefined;
  }

  /** Sends what TLS holds; returns what that has failed with. */
  #flush(): Error | undefined {
    try {
      this.#peer.socket.flush?.();
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }
}
