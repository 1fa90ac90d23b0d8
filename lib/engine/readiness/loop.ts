/** The readiness engine: the interface of engine.ts over any selector. */
import { type ConnectOptions, type OSError, Socket } from "../../net/mod.ts";
import { EVENT_READ, type SelectorName, type WakeHandle } from "../../selectors/mod.ts";
import type { Counters } from "../counters.ts";
import type {
  Connection,
  Engine,
  EngineOptions,
  Handler,
  Listener,
  ListenerOptions,
  Released,
} from "../engine.ts";
import type { Timer } from "../timers.ts";
import { ReadinessCore } from "./core.ts";
import { StreamListener } from "./listener.ts";
import { Stream } from "./stream.ts";

/** The loop over a selector. */
export class ReadinessEngine implements Engine {
  readonly kind = "readiness";
  readonly wakeHandle: WakeHandle;
  readonly #core: ReadinessCore;

  constructor(options: EngineOptions) {
    this.#core = new ReadinessCore(options);
    this.wakeHandle = this.#core.selector.wakeHandle();
  }

  get selector(): SelectorName {
    return this.#core.selector.name;
  }

  get counters(): Counters {
    return this.#core.counters;
  }

  get now(): number {
    return this.#core.now;
  }

  get active(): number {
    return this.#core.connections.size;
  }

  listen<S>(socket: Socket, options: ListenerOptions<S>): Listener {
    const listener = new StreamListener(this.#core, socket, options);
    listener.open();
    return listener;
  }

  connect<S>(options: ConnectOptions, handler: Handler<S>, state: S): Connection<S> {
    const core = this.#core;
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
      const failed = new Stream(core, -1, handler, state, true);
      core.defer(() => handler.close(failed, error));
      return failed;
    }
    const stream = new Stream(core, socket.detach(), handler, state, true);
    core.add(stream);
    stream.start();
    return stream;
  }

  release(connection: Connection<any>): Released {
    const stream = connection as Stream<any>;
    const released = stream.release();
    this.#core.remove(stream);
    return released;
  }

  adopt<S>(released: Released, handler: Handler<S>, state: S): Connection<S> {
    const core = this.#core;
    if (core.closed) throw new Error("Cannot adopt a connection: the engine is closed");
    const stream = new Stream(core, released.fd, handler, state, false);
    core.add(stream);
    stream.startWith(released);
    return stream;
  }

  retain(bytes: Uint8Array): Uint8Array {
    return bytes.slice();
  }

  giveBack(): void {
    // It was a copy.
  }

  watch(fd: number, callback: () => void): { close(): void } {
    const { selector } = this.#core;
    selector.register(fd, EVENT_READ, { ready: callback });
    return { close: () => void selector.unregister(fd) };
  }

  after(ms: number, callback: () => void): Timer {
    return this.#core.after(ms, callback);
  }

  defer(callback: () => void): void {
    this.#core.defer(callback);
  }

  turn(): void {
    const core = this.#core;
    core.endTurn(core.wait(core.beginTurn()));
  }

  close(): void {
    this.#core.close();
    this.#core.selector.close();
  }
}
