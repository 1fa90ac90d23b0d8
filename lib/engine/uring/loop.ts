/** The io_uring engine: the interface of engine.ts over completions. Linux 5.19 and newer. */
import type { Socket } from "../../net/mod.ts";
import type { WakeHandle } from "../../selectors/mod.ts";
import { Waker } from "../../selectors/waker.ts";
import { POLLIN } from "../../sys/constants.ts";
import type { Acceptor } from "../acceptor.ts";
import type { EngineOptions, Handler, ListenerOptions } from "../engine.ts";
import { Loop, type Stream } from "../loop.ts";
import { UringCore } from "./core.ts";
import { UringListener } from "./listener.ts";
import { UringStream } from "./stream.ts";
import { Watch } from "./watch.ts";
import { EpollWriters } from "./writers.ts";

/** Turns until all requests are over, when the engine closes. */
const LAST_TURNS = 100;
const LAST_TURN_MS = 10;

/** The loop over an io_uring. */
export class UringEngine extends Loop<UringCore> {
  readonly kind = "uring";
  readonly selector = "uring";
  readonly #waker: Waker;
  readonly #wakes: { close(): void };

  /**
   * @throws OSError ENOSYS, EPERM; Error for a kernel that is too old: it names what is missing
   */
  constructor(options: EngineOptions) {
    if (options.observer) {
      throw new Error("Cannot observe an io_uring: it has no readiness to show");
    }
    super(new UringCore(options));
    this.core.writers = new EpollWriters(this.core);
    try {
      this.#waker = new Waker();
    } catch (error) {
      this.core.ring.close();
      throw error;
    }
    this.#wakes = this.watch(this.#waker.fileno(), () => this.#waker.drain());
  }

  get wakeHandle(): WakeHandle {
    return this.#waker.handle;
  }

  protected stream<S>(fd: number, handler: Handler<S>, state: S, connecting: boolean): Stream<S> {
    return new UringStream(this.core, fd, handler, state, connecting);
  }

  protected listener<S>(socket: Socket, options: ListenerOptions<S>): Acceptor<S> {
    return new UringListener(this.core, socket, options);
  }

  retain(bytes: Uint8Array): Uint8Array {
    return this.core.lending.retain(bytes);
  }

  giveBack(bytes: Uint8Array): void {
    this.core.lending.drop(bytes);
  }

  watch(fd: number, callback: () => void): { close(): void } {
    return new Watch(this.core, fd, POLLIN, callback);
  }

  close(): void {
    const { core } = this;
    if (core.closed) return;
    core.close();
    this.#wakes.close();
    core.writers.close();
    for (let i = 0; i < LAST_TURNS && core.slotsTaken > 0; i++) core.wait(LAST_TURN_MS);
    core.ring.close();
    this.#waker.close();
  }
}
