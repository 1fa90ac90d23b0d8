/** What a connection is in either engine: a descriptor, its handler, its state, and what is queued. */
import { formatAddress, type OSError, Socket } from "../net/mod.ts";
import { addressIn } from "../sys/socket/sockaddr.ts";
import { bytesInTransit, unreadBytes } from "../sys/socket/sockets.ts";
import { tcpInfo, type TransportInfo } from "../sys/socket/tcp_info.ts";
import type { Handler } from "./engine.ts";
import type { OutputQueue } from "./queue.ts";
import { CLOSED } from "./state.ts";

/** Not a field of each connection: few listeners ask for it. */
const sockaddrs = new WeakMap<object, Uint8Array>();

/** Attempts to connect that go on, as sockets that know where to. */
const attempts = new WeakMap<object, Socket>();

/** The part that does not depend on how one waits. */
export abstract class BaseStream<S> {
  state: S;
  /** Among the connections of the engine. */
  index = -1;
  /** Below 0: an attempt to connect that failed at once. */
  protected readonly fd: number;
  protected readonly handler: Handler<S>;
  /** CONNECTING and so on: see state.ts. */
  protected is: number;
  /** Only while something is queued, as most connections never queue anything. */
  protected queue: OutputQueue | undefined = undefined;
  /** Received before this engine took the connection in, or while paused: comes before all else. */
  protected ahead: Uint8Array | undefined = undefined;

  constructor(fd: number, handler: Handler<S>, state: S, is: number) {
    this.fd = fd;
    this.handler = handler;
    this.state = state;
    this.is = fd < 0 ? is | CLOSED : is;
  }

  /** What accept(2) has said of the peer, as a sockaddr: a peer that has reset can't be asked any more. */
  get sockaddr(): Uint8Array | undefined {
    return sockaddrs.get(this);
  }
  set sockaddr(sockaddr: Uint8Array | undefined) {
    if (sockaddr) sockaddrs.set(this, sockaddr);
  }

  /** The attempt to connect whose descriptor this is. */
  set attempt(socket: Socket) {
    attempts.set(this, socket);
  }

  /** How that has ended. */
  protected takeConnectError(): OSError | null {
    const error = attempts.get(this)!.takeError();
    attempts.delete(this);
    return error;
  }

  get unsent(): number {
    return this.queue?.length ?? 0;
  }

  get queued(): number {
    return this.unsent;
  }

  get closed(): boolean {
    return (this.is & CLOSED) !== 0;
  }

  get unacknowledged(): number {
    return this.is & CLOSED ? 0 : bytesInTransit(this.fd);
  }

  get unread(): number {
    return this.is & CLOSED ? 0 : (this.ahead?.length ?? 0) + unreadBytes(this.fd);
  }

  get peerName(): string {
    const { sockaddr } = this;
    if (sockaddr) return formatAddress(addressIn(sockaddr));
    return this.asSocket((socket) => socket.peerName);
  }

  transportInfo(): TransportInfo | null {
    return this.is & CLOSED ? null : tcpInfo(this.fd);
  }

  /** Does something with the descriptor as a Socket, which stays open. */
  protected asSocket<R>(use: (socket: Socket) => R): R {
    const socket = Socket.fromFd(this.fd);
    try {
      return use(socket);
    } finally {
      socket.detach();
    }
  }
}
