/** A listening socket of the readiness engine: accept(2) for as long as one waits. */
import type { Socket } from "../../net/mod.ts";
import { EVENT_READ } from "../../selectors/mod.ts";
import { Acceptor, type Starting } from "../acceptor.ts";
import type { ListenerOptions } from "../engine.ts";
import type { ReadinessCore, Source } from "./core.ts";
import { ReadinessStream } from "./stream.ts";

/** Watched for as long as it accepts. */
export class StreamListener<S> extends Acceptor<S> implements Source {
  readonly #core: ReadinessCore;

  constructor(core: ReadinessCore, socket: Socket, options: ListenerOptions<S>) {
    super(core, socket, options);
    this.#core = core;
  }

  protected override watch(): void {
    this.#core.selector.register(this.socket, EVENT_READ, this);
  }

  protected override unwatch(): void {
    this.#core.selector.unregister(this.socket);
  }

  protected override connectionOf(fd: number): Starting {
    const { handler, state } = this.options;
    return new ReadinessStream(this.#core, fd, handler, state(), false);
  }
}
