/** A listening socket of the io_uring engine: one request that accepts again and again. */
import { type Address, Socket } from "../../net/mod.ts";
import { ERRNO } from "../../sys/errno.ts";
import { closeFd } from "../../sys/posix.ts";
import { Acceptor, type Starting } from "../acceptor.ts";
import type { ListenerOptions } from "../engine.ts";
import type { UringCore } from "./core.ts";
import type { Target } from "./target.ts";
import { KIND, MORE } from "./requests.ts";
import { UringStream } from "./stream.ts";

/** Connections begun in a turn, so that a flood of new ones does not starve the others. */
const BEGUN_PER_TURN = 64;

/** Accepts all that come. */
export class UringListener<S> extends Acceptor<S> implements Target {
  readonly #core: UringCore;
  readonly #fd: number;
  readonly #slot: number;
  /** The request is under way. */
  #accepting = false;
  /** Accepted by the kernel beyond what one turn may begin. */
  #waiting: number[] = [];
  /** Begun in this turn. */
  #begun = 0;
  /** Accepting has failed since. */
  #hasFailed = false;

  constructor(core: UringCore, socket: Socket, options: ListenerOptions<S>) {
    super(core, socket, options);
    this.#core = core;
    this.#fd = socket.fileno();
    this.#slot = core.takeSlot();
    core.setTarget(this.#slot, this);
  }

  protected override watch(): void {
    if (this.#accepting) return;
    this.#accepting = true;
    this.#core.requests.accept(this.#slot, this.#fd);
  }

  protected override unwatch(): void {
    if (this.#accepting) this.#core.requests.cancel(this.#slot, KIND.accept);
  }

  /** Only when the request is over does the kernel close the socket, and refuse connections. */
  override close(): void {
    if (this.closed) return;
    super.close();
    for (const fd of this.#waiting.splice(0)) closeFd(fd); // as what waits in a listener that closes
    this.#core.finish(
      this.#slot,
      (_kind, result, flags) => {
        if (!(flags & MORE)) this.#accepting = false;
        if (result >= 0) closeFd(result);
      },
      () => !this.#accepting,
    );
    this.#core.dropSlot(this.#slot);
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
    if (result < 0) this.#hasFailed = true;
    if (result >= 0) this.#take(result);
    else if (result !== -ERRNO.ECANCELED! && !this.failed(-result)) return;
    if (!this.#accepting) this.rewatch();
  }

  #take(fd: number): void {
    if (this.#begun === 0) {
      this.#hasFailed = false;
      this.#core.beforeSubmit(() => this.#nextTurn());
    }
    if (this.#begun++ < BEGUN_PER_TURN) return this.accepted(fd);
    this.#waiting.push(fd);
    this.#core.urgent = true;
  }

  #nextTurn(): void {
    this.#begun = 0;
    if (!this.#hasFailed) this.drained(); // the kernel accepts all that wait, or fails
    for (const fd of this.#waiting.splice(0)) {
      if (this.closed) closeFd(fd);
      else this.#take(fd);
    }
  }
}
