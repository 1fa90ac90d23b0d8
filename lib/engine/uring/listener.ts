/** A listening socket of the io_uring engine: one request that accepts again and again. */
import { type Address, Socket } from "../../net/mod.ts";
import { ERRNO } from "../../sys/errno.ts";
import { closeFd } from "../../sys/posix.ts";
import { Acceptor, type Starting } from "../acceptor.ts";
import type { ListenerOptions } from "../engine.ts";
import { KIND, MORE, type Target, type UringCore } from "./core.ts";
import { UringStream } from "./stream.ts";

/** Accepts whatever comes. */
export class UringListener<S> extends Acceptor<S> implements Target {
  readonly #core: UringCore;
  readonly #fd: number;
  readonly #slot: number;
  /** The request is under way. */
  #accepting = false;

  constructor(core: UringCore, socket: Socket, options: ListenerOptions<S>) {
    super(core, socket, options);
    this.#core = core;
    this.#fd = socket.fileno();
    this.#slot = core.takeSlot(this);
  }

  protected override watch(): void {
    if (this.#accepting) return;
    this.#accepting = true;
    this.#core.accept(this.#slot, this.#fd);
  }

  protected override unwatch(): void {
    if (this.#accepting) this.#core.cancel(this.#slot, KIND.accept);
  }

  protected override connectionOf(fd: number): Starting {
    const { handler, state } = this.options;
    return new UringStream(this.#core, fd, handler, state(), false);
  }

  /** One request accepts many, so their addresses are asked for; one that has reset is gone anyway. */
  protected override addressOf(fd: number): Address | null {
    const socket = Socket.fromFd(fd);
    try {
      return socket.remoteAddress;
    } catch {
      return null;
    } finally {
      socket.detach();
    }
  }

  complete(_kind: number, result: number, flags: number): void {
    if (!(flags & MORE)) this.#accepting = false;
    if (result >= 0) {
      if (this.closed) closeFd(result); // as what waits in a listener that closes
      else {
        this.drained();
        this.accepted(result);
      }
    } else if (result !== -ERRNO.ECANCELED! && !this.closed) {
      if (!this.failed(-result)) return;
    }
    if (this.#accepting) return;
    if (this.closed) this.#core.dropSlot(this.#slot);
    else this.rewatch();
  }
}
