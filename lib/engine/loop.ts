/** What both loops share: connections that are made, adopted and released, and turns, over a core of either kind. */
import { type ConnectOptions, type OSError, Socket } from "../net/mod.ts";
import type { SelectorName } from "../selectors/mod.ts";
import type { Acceptor } from "./acceptor.ts";
import type { Closable, EngineCore } from "./core.ts";
import type { Counters } from "./counters.ts";
import type {
  Connection,
  Engine,
  EngineName,
  Handler,
  Listener,
  ListenerOptions,
  Released,
} from "./engine.ts";
import type { Timer } from "./timers.ts";

/** A connection as its loop sees it. */
export interface Stream<S> extends Connection<S>, Closable {
  /** Set before an attempt to connect starts: the socket that is connecting. */
  set attempt(socket: Socket);
  /** Begins to connect, or to receive. */
  start(): OSError | undefined;
  /** As `start`, for a connection that has been open for a while, with bytes that it brings along. */
  startWith(released: Released): void;
  /** Gives up the descriptor, open; nothing is called any more. */
  release(): Released;
}

/** The interface of engine.ts, but for how one waits. */
export abstract class Loop<C extends EngineCore> implements Engine {
  abstract readonly kind: EngineName;
  abstract readonly selector: SelectorName | "uring";
  abstract readonly wakeHandle: Engine["wakeHandle"];
  protected readonly core: C;

  constructor(core: C) {
    this.core = core;
  }

  /** @param fd below 0: an attempt to connect that failed at once */
  protected abstract stream<S>(
    fd: number,
    handler: Handler<S>,
    state: S,
    connecting: boolean,
  ): Stream<S>;
  protected abstract listener<S>(socket: Socket, options: ListenerOptions<S>): Acceptor<S>;
  abstract retain(bytes: Uint8Array): Uint8Array;
  abstract giveBack(bytes: Uint8Array): void;
  abstract watch(fd: number, callback: () => void): { close(): void };
  abstract close(): void;

  get counters(): Counters {
    return this.core.counters;
  }

  get now(): number {
    return this.core.now;
  }

  get active(): number {
    return this.core.active;
  }

  listen<S>(socket: Socket, options: ListenerOptions<S>): Listener {
    const listener = this.listener(socket, options);
    listener.open();
    return listener;
  }

  connect<S>(options: ConnectOptions, handler: Handler<S>, state: S): Connection<S> {
    const { core } = this;
    if (core.closed) throw new Error("Cannot connect: the engine is closed");
    let socket: Socket | undefined;
    try {
      socket = Socket.connect(options);
      socket.setNoDelay(true);
    } catch (thrown) {
      socket?.close();
      const error = thrown as OSError;
      if (error.errno === undefined) throw error; // wrong arguments
      core.count(error);
      const failed = this.stream(-1, handler, state, true);
      core.defer(() => handler.close(failed, error));
      return failed;
    }
    const stream = this.stream(socket.fileno(), handler, state, true);
    stream.attempt = socket; // of which the stream closes the descriptor
    core.add(socket.fileno(), stream);
    stream.start();
    return stream;
  }

  release(connection: Connection<any>): Released {
    const stream = connection as Stream<any>;
    const released = stream.release();
    this.core.remove(released.fd);
    return released;
  }

  adopt<S>(released: Released, handler: Handler<S>, state: S): Connection<S> {
    const { core } = this;
    if (core.closed) throw new Error("Cannot adopt a connection: the engine is closed");
    const stream = this.stream(released.fd, handler, state, false);
    core.add(released.fd, stream);
    stream.startWith(released);
    return stream;
  }

  after(ms: number, callback: () => void): Timer {
    return this.core.after(ms, callback);
  }

  defer(callback: () => void): void {
    this.core.defer(callback);
  }

  turn(): void {
    const { core } = this;
    core.endTurn(core.wait(core.beginTurn()));
  }
}
