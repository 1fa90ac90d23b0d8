/** The io_uring engine: the interface of engine.ts over completions. Linux 5.19 and newer. */
import { type ConnectOptions, type OSError, Socket } from "../../net/mod.ts";
import type { WakeHandle } from "../../selectors/mod.ts";
import { Waker } from "../../selectors/waker.ts";
import { POLLIN } from "../../sys/constants.ts";
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
import { UringCore } from "./core.ts";
import { UringListener } from "./listener.ts";
import { UringStream } from "./stream.ts";
import { Watch } from "./watch.ts";

/** Turns until all requests are over, when the engine closes. */
const LAST_TURNS = 100;
const LAST_TURN_MS = 10;

/** The loop over an io_uring. */
export class UringEngine implements Engine {
  readonly kind = "uring";
  readonly #core: UringCore;
  readonly #waker: Waker;
  readonly #wakes: { close(): void };

  /** @throws OSError ENOSYS, EPERM; Error for a kernel that is too old: it names what is missing */
  constructor(options: EngineOptions) {
    if (options.observer) {
      throw new Error("Cannot observe an io_uring: it has no readiness to show");
    }
    this.#core = new UringCore(options);
    this.#waker = new Waker();
    this.#wakes = this.watch(this.#waker.fileno(), () => this.#waker.drain());
  }

  get selector(): "uring" {
    return "uring";
  }

  get wakeHandle(): WakeHandle {
    return this.#waker.handle;
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
    const listener = new UringListener(this.#core, socket, options);
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
      const failed = new UringStream(core, -1, handler, state, true);
      core.defer(() => handler.close(failed, error));
      return failed;
    }
    const stream = new UringStream(core, socket.detach(), handler, state, true);
    core.add(stream);
    stream.start();
    return stream;
  }

  release(connection: Connection<any>): Released {
    const stream = connection as UringStream<any>;
    const released = stream.release();
    this.#core.remove(stream);
    return released;
  }

  adopt<S>(released: Released, handler: Handler<S>, state: S): Connection<S> {
    const core = this.#core;
    if (core.closed) throw new Error("Cannot adopt a connection: the engine is closed");
    const stream = new UringStream(core, released.fd, handler, state, false);
    core.add(stream);
    stream.startWith(released);
    return stream;
  }

  retain(bytes: Uint8Array): Uint8Array {
    return this.#core.lending.retain(bytes);
  }

  giveBack(bytes: Uint8Array): void {
    this.#core.lending.drop(bytes);
  }

  watch(fd: number, callback: () => void): { close(): void } {
    return new Watch(this.#core, fd, POLLIN, callback);
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
    const core = this.#core;
    if (core.closed) return;
    core.close();
    this.#wakes.close();
    for (let i = 0; i < LAST_TURNS && core.slotsTaken > 0; i++) core.wait(LAST_TURN_MS);
    core.ring.close();
    this.#waker.close();
  }
}
