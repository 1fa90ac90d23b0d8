/** The readiness engine: the interface of engine.ts over any selector. */
import type { Socket } from "../../net/mod.ts";
import { EVENT_READ, type SelectorName, type WakeHandle } from "../../selectors/mod.ts";
import type { Acceptor } from "../acceptor.ts";
import type { EngineOptions, Handler, ListenerOptions } from "../engine.ts";
import { Loop, type Stream } from "../loop.ts";
import { ReadinessCore } from "./core.ts";
import { StreamListener } from "./listener.ts";
import { ReadinessStream } from "./stream.ts";

/** The loop over a selector. */
export class ReadinessEngine extends Loop<ReadinessCore> {
  readonly kind = "readiness";
  readonly wakeHandle: WakeHandle;

  constructor(options: EngineOptions) {
    super(new ReadinessCore(options));
    try {
      this.wakeHandle = this.core.selector.wakeHandle();
    } catch (error) {
      this.core.selector.close();
      throw error;
    }
  }

  get selector(): SelectorName {
    return this.core.selector.name;
  }

  protected stream<S>(fd: number, handler: Handler<S>, state: S, connecting: boolean): Stream<S> {
    return new ReadinessStream(this.core, fd, handler, state, connecting);
  }

  protected listener<S>(socket: Socket, options: ListenerOptions<S>): Acceptor<S> {
    return new StreamListener(this.core, socket, options);
  }

  retain(bytes: Uint8Array): Uint8Array {
    return bytes.slice();
  }

  giveBack(): void {
    // It was a copy.
  }

  watch(fd: number, callback: () => void): { close(): void } {
    const { selector } = this.core;
    selector.register(fd, EVENT_READ, { ready: callback });
    return { close: () => void selector.unregister(fd) };
  }

  close(): void {
    this.core.close();
    this.core.selector.close();
  }
}
