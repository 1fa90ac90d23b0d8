/**
 * The data plane: one loop that accepts, connects, receives and sends for many connections.
 *
 * Serve and stress are written against this interface. Behind it are a readiness engine over any
 * selector and a completion engine over io_uring, which is why a handler never sees a descriptor or a
 * readiness bit:
 *
 * - A handler's calls for one connection come in this order: `open`, then any of `data`, `writable`
 *   and `end` (once, and no `data` after it), then `close`, exactly once, whatever happened. A connect
 *   that fails calls `close` without `open`; so does an accepted connection that can't be watched. A handler with
 *   `ready` gets that instead of `data` and `end`, and receives by other means.
 * - Bytes given to `data` are lent until it returns: use them, change them in place, copy them, or give
 *   them to `send`, after which they must not be changed any more: an echo copies nothing. `retain` keeps
 *   them longer.
 * - `send` never blocks and never fails by itself; a failure arrives as `close`, after the running
 *   handler call has returned and what the peer had sent before it ended has come as `data`: a server's last
 *   reply is not lost with its reset (but to a handler that has paused, or has `ready`). What is sent, ended,
 *   closed or reset goes to the kernel at once, or with the next turn, before that waits; in the order in
 *   which it was asked for.
 * - After `pause`, and while too much is queued, no `data` and no `end` comes until `resume`. A completion
 *   engine may have received more of that connection by then, at most what its buffers hold (128 KiB, or
 *   4 KiB for each of its connections). It keeps that: it comes first afterwards, and `release` hands it over.
 * - An engine does a bounded amount of work per connection and turn (one receive, or what those buffers
 *   hold; 256 KiB of queued output; 64 new connections per listener), so that no peer starves another.
 */
import type { SelectorName, WakeHandle } from "../selectors/mod.ts";
import type { Address, ConnectOptions, OSError, Socket } from "../net/mod.ts";
import type { TransportInfo } from "../sys/socket/tcp_info.ts";
import type { Counters } from "./counters.ts";
import type { Timer } from "./timers.ts";

/** A connection as its handler sees it. `S` is the handler's own state. */
export interface Connection<S> {
  state: S;
  /**
   * Bytes given to `send` that could not be handed to the kernel yet, as the peer does not read: what goes
   * along with the next turn is not among them.
   */
  readonly queued: number;
  /** As `queued`, with what waits behind a send that goes along with the next turn. */
  readonly unsent: number;
  /** Nothing can be sent any more: `close` was called or is about to be, after what had come before. */
  readonly closed: boolean;
  /** Bytes that the kernel has taken and the peer's has not; 0 where the system does not say. */
  readonly unacknowledged: number;
  /** Bytes that have arrived and were not given to a handler. */
  readonly unread: number;
  /** The peer's address, "HOST:PORT" or "unix:PATH"; ask while it is open. */
  readonly peerName: string;
  /** How the kernel sees it (TCP_INFO); null when it is closed, no TCP, or the system does not say. */
  transportInfo(): TransportInfo | null;
  /** Sends, or queues what cannot be sent now; returns `queued`. */
  send(bytes: Uint8Array): number;
  /** Stops receiving, so that the peer's sends end up waiting; `resume` goes on. */
  pause(): void;
  resume(): void;
  /** Sends FIN once everything queued is sent. When both sides have ended, the connection closes. */
  end(): void;
  /**
   * Closes now. What was handed over goes out; what is queued is dropped, and then the peer sees a reset, so
   * that a stream that was cut never looks whole. With unread input it sees one as well.
   */
  close(): void;
  /** Closes now with RST: what the peer's kernel has not yet is lost. On a Unix socket, `close`. */
  reset(): void;
}

/** What happens to connections. */
export interface Handler<S> {
  /** Connected, or accepted: bytes can be sent. */
  open(connection: Connection<S>): void;
  /** Bytes arrived. They are lent until this returns. */
  data(connection: Connection<S>, bytes: Uint8Array): void;
  /** Queued bytes were sent; `connection.queued` says how many are left. */
  writable(connection: Connection<S>): void;
  /**
   * Takes the place of `data` and `end`: something can be received, or the peer has ended. Nothing is
   * received then. Pause, release or close the connection: it is called again in every turn else.
   */
  ready?(connection: Connection<S>, ended: boolean): void;
  /** The peer sent FIN: no more data comes, but it may still read. */
  end(connection: Connection<S>): void;
  /** It is over: in order (null), or by an error. */
  close(connection: Connection<S>, error: OSError | null): void;
}

/** A connection outside of any engine. */
export interface Released {
  readonly fd: number;
  /** What was received of it and not yet given to a handler. */
  readonly bytes: Uint8Array;
  /** The peer's address as accept(2) returned it: a sockaddr. */
  readonly sockaddr?: Uint8Array | undefined;
  /** The handler has seen the bytes: one with `ready` is called when more arrives. */
  readonly waits?: boolean;
  /** Other processes may hold the connection as well: it is shut down before it is closed. */
  readonly shared?: boolean;
}

/** A watched listening socket. */
export interface Listener {
  /** Accepts no more, and closes the socket. */
  close(): void;
}

/** How a listener treats new connections. */
export interface ListenerOptions<S> {
  readonly handler: Handler<S>;
  /** Makes the state of a new connection. */
  readonly state: () => S;
  /** True refuses a new connection by its address, before anything else: closed, counted as denied. */
  readonly deny?: (peer: Address) => boolean;
  /** The peer's name is asked for after it may have reset: its address is kept, which takes memory. */
  readonly named?: boolean;
  /** False refuses: the connection is closed and counted as rejected. */
  readonly admit?: () => boolean;
  /** A new connection is closed as the selector can't watch it (FD_SETSIZE); reported once until one can be. */
  readonly refused?: (error: OSError) => void;
  /** The system is out of descriptors or memory; accepting goes on when one is free, or in 100 ms. */
  readonly paused?: (error: OSError) => void;
}

/** Sees every step of the loop, for `--trace`. It slows the loop down. */
export interface Observer {
  waiting(registered: number): void;
  ready(count: number): void;
  received(connection: Connection<any>, bytes: Uint8Array): void;
  queued(connection: Connection<any>, count: number): void;
  sent(connection: Connection<any>, bytes: Uint8Array): void;
  drained(connection: Connection<any>): void;
}

/** The engines: over a selector, or over io_uring (Linux 5.19 and newer). */
export type EngineName = "readiness" | "uring";

/** How an engine works. */
export interface EngineOptions {
  /** For the readiness engine. */
  readonly selector?: SelectorName | "auto";
  /** The most that is received at once, in bytes; default 64 KiB. */
  readonly receiveBytes?: number;
  readonly counters?: Counters;
  /**
   * Bounds what may be queued for a peer that does not read, in bytes, whether its handler queued it or TLS:
   * from a half on nothing more is received from it, until no more than a quarter is left. A single `send`
   * may exceed it.
   */
  readonly maxQueued?: number;
  /**
   * Watches connections edge-triggered where that is cheaper (epoll: half as many looks at a connection for
   * each message). What handlers see is the same. Not for handlers with `ready`.
   */
  readonly edge?: boolean;
  /**
   * With an observer every `send` queues, and the bytes go out when the connection is writable: the
   * textbook order, in which each step is a visible turn of the loop.
   */
  readonly observer?: Observer;
}

/** A loop. It belongs to the thread that created it. */
export interface Engine {
  readonly kind: EngineName;
  /** What it waits on. */
  readonly selector: SelectorName | "uring";
  readonly counters: Counters;
  /** The time of the current turn, on the clock of `performance.now()`. */
  readonly now: number;
  /** How many connections there are. */
  readonly active: number;
  /** Watches a listening socket, which the engine owns from now on. @throws OSError when it can't be watched */
  listen<S>(socket: Socket, options: ListenerOptions<S>): Listener;
  /** Begins to connect. A failure arrives as `close`. @throws when the engine is closed */
  connect<S>(options: ConnectOptions, handler: Handler<S>, state: S): Connection<S>;
  /**
   * Gives up a connection, with everything received that no handler has seen; it is the caller's from
   * now on. This takes the place of its `close`. Called from within `data`, the lent bytes count as
   * seen.
   *
   * @throws Error while it is connecting, has something to send, or is closed
   */
  release(connection: Connection<any>): Released;
  /**
   * Takes in a connected, non-blocking descriptor, the other half of `release`. `open` is not called;
   * the bytes that come along are the first that `data` gets, or count as ready.
   */
  adopt<S>(released: Released, handler: Handler<S>, state: S): Connection<S>;
  /**
   * Keeps lent bytes, or a part of them, beyond `data`: returns bytes that stay as they are until they are
   * given back, whole, by one `send` or by `giveBack`. A completion engine need not copy them.
   */
  retain(bytes: Uint8Array): Uint8Array;
  /** Gives back what `retain` has returned; without effect on other bytes. */
  giveBack(bytes: Uint8Array): void;
  /** Calls back whenever the descriptor, which stays the caller's, is readable. */
  watch(fd: number, callback: () => void): { close(): void };
  /** Calls back once, in `ms` milliseconds or later. */
  after(ms: number, callback: () => void): Timer;
  /** Calls back at the end of this turn, or of the next one, which then does not wait. */
  defer(callback: () => void): void;
  /** One turn: waits at most until the next timer, then does all that is ready. */
  turn(): void;
  /** Ends the wait of a turn from any thread, by `wake` of lib/selectors. */
  readonly wakeHandle: WakeHandle;
  /** Closes all connections and listeners, with their `close` calls, and gives back everything. */
  close(): void;
}
