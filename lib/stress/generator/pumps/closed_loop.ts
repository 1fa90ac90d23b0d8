/** A closed loop: each reply makes room for the next message. */
import { now as clock } from "../../../sys/clock.ts";
import { type Peer, roomOn } from "../connections/flow.ts";
import type { Outlet, Pump } from "./pump.ts";

/** Messages per turn and connection where no reply paces them. */
const UNPACED_BUDGET = 64;

/** Keeps a number of messages in flight on each connection; without replies, as many as are taken. */
export class ClosedLoop implements Pump {
  readonly #outlet: Outlet;
  readonly #pipeline: number;
  readonly #paced: boolean;
  readonly #thinkMs: number;
  #running = false;
  #stopping = false;

  /**
   * `paced` is false where no replies are awaited. With `thinkMs` a connection sends its next message that
   * long after a reply.
   */
  constructor(
    outlet: Outlet,
    { pipeline, paced, thinkMs }: { pipeline: number; paced: boolean; thinkMs: number },
  ) {
    this.#outlet = outlet;
    this.#pipeline = pipeline;
    this.#paced = paced;
    this.#thinkMs = thinkMs;
  }

  count(): void {} // each connection has its part of the messages, see slots.ts

  start(): void {
    this.#running = true;
  }

  stop(): void {
    this.#stopping = true;
  }

  /** Keeps the pipeline full, with one system call for all messages that there is room for. */
  ready(peer: Peer): void {
    if (!this.#running) return;
    if (!this.#paced) return this.#fillUnpaced(peer);
    if (this.#thinkMs > 0 && peer.state.receivedMessages > 0 && !this.#stopping) {
      this.#outlet.engine.after(this.#thinkMs, () => this.#fill(peer));
    } else this.#fill(peer);
  }

  #fill(peer: Peer): void {
    const room = this.#stopping ? 0 : roomOn(peer, this.#pipeline);
    if (room > 0) {
      const now = clock();
      this.#outlet.send(peer, room, now, now);
    } else if (peer.state.inFlight === 0) this.#outlet.exhausted(peer);
  }

  #fillUnpaced(peer: Peer): void {
    for (let budget = UNPACED_BUDGET; budget > 0; budget--) {
      if (peer.queued > 0) return; // `writable` goes on
      if (this.#stopping || roomOn(peer, Infinity) === 0) return this.#outlet.exhausted(peer);
      const now = clock();
      this.#outlet.send(peer, 1, now, now);
    }
    this.#outlet.engine.after(0, () => this.#fillUnpaced(peer));
  }

  gone(): void {}

  dueBefore(): number {
    return 0;
  }

  unsent(): number {
    return 0;
  }
}
