/**
 * A listening socket of the io_uring engine: a poll, and accept(2) for as long as one waits. One request that
 * accepts many (multishot) is no cheaper, and does not say who has come.
 */
import type { Socket } from "../../net/mod.ts";
import { POLLIN } from "../../sys/constants.ts";
import { Acceptor, type Starting } from "../acceptor.ts";
import type { ListenerOptions } from "../engine.ts";
import type { UringCore } from "./core.ts";
import type { Target } from "./target.ts";
import { KIND } from "./requests.ts";
import { UringStream } from "./stream.ts";

/** Polls, one request after the other. */
export class UringListener<S> extends Acceptor<S> implements Target {
  readonly #core: UringCore;
  readonly #fd: number;
  readonly #slot: number;
  /** The request is under way. */
  #polling = false;

  constructor(core: UringCore, socket: Socket, options: ListenerOptions<S>) {
    super(core, socket, options);
    this.#core = core;
    this.#fd = socket.fileno();
    this.#slot = core.takeSlot();
    core.setTarget(this.#slot, this);
  }

  protected override watch(): void {
    if (this.#polling) return;
    this.#polling = true;
    this.#core.requests.poll(this.#slot, this.#fd, POLLIN, KIND.readable);
  }

  protected override unwatch(): void {
    if (this.#polling) this.#core.requests.cancel(this.#slot, KIND.readable);
  }

  /** Only when the request is over does the kernel close the socket, and refuse connections. */
  override close(): void {
    if (this.closed) return;
    super.close();
    this.#core.finish(this.#slot, () => this.#polling = false, () => !this.#polling);
    this.#core.dropSlot(this.#slot);
  }

  protected override connectionOf(fd: number): Starting {
    const { handler, state } = this.options;
    return new UringStream(this.#core, fd, handler, state(), false);
  }

  complete(_kind: number, events: number): void {
    this.#polling = false;
    if (events > 0) this.ready();
    this.rewatch();
  }
}
