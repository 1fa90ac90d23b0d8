/** A listening socket of the readiness engine: accept(2) for as long as one waits. */
import type { Address, Socket } from "../../net/mod.ts";
import { EVENT_READ } from "../../selectors/mod.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { Native, NULL } from "../../sys/ffi.ts";
import { SOCKADDR_SIZE, unpackAddress } from "../../sys/socket/sockaddr.ts";
import { acceptFd } from "../../sys/socket/sockets.ts";
import { Acceptor, type Starting } from "../acceptor.ts";
import { COUNTER } from "../counters.ts";
import type { ListenerOptions } from "../engine.ts";
import type { ReadinessCore, Source } from "./core.ts";
import { ReadinessStream } from "./stream.ts";

/** Connections accepted per wake-up, so that a flood of new ones does not starve the others. */
const ACCEPTS_PER_TURN = 64;

/** Where accept(2) writes the peer's address. */
const peer = new Native(SOCKADDR_SIZE);
const peerLength = new Native(8);

/** Accepts until nothing waits, for at most ACCEPTS_PER_TURN connections a turn. */
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
    const stream = new ReadinessStream(this.#core, fd, handler, state(), false);
    if (this.options.named) stream.sockaddr = peer.bytes.slice(0, peerLength.int32[0]!);
    return stream;
  }

  /** accept(2) itself has said it: a peer that has reset meanwhile can't be asked. */
  protected override addressOf(): Address {
    return unpackAddress(peer.view, peerLength.int32[0]!);
  }

  ready(): void {
    for (let i = 0; i < ACCEPTS_PER_TURN && !this.closed; i++) {
      const fd = this.#accept();
      if (fd >= 0) {
        this.accepted(fd);
        continue;
      }
      const error = errno();
      if (error === ERRNO.EAGAIN) {
        if (i === 0) this.core.slots[COUNTER.spurious]!++;
        return this.drained();
      }
      if (!this.failed(error)) return;
    }
  }

  #accept(): number {
    const { deny, named } = this.options;
    if (!deny && !named) return acceptFd(this.socket.fileno(), NULL, NULL);
    peerLength.int32[0] = SOCKADDR_SIZE;
    return acceptFd(this.socket.fileno(), peer.pointer, peerLength.pointer);
  }
}
