/** A closed loop: each reply makes room for the next message. */
import type { Peer } from "./flow.ts";
import type { Outlet, Pump } from "./pump.ts";

/** Messages per turn and connection where no reply paces them. */
const UNPACED_BUDGET = 64;

/** Keeps a number of messages in flight on each connection; without replies, as many as are taken. */
export class ClosedLoop implements Pump {
  readonly #outlet: Outlet;
  readonly #pipeline: number;
  readonly #paced: boolean;
  #running = false;
  #stopping = false;

  /** `paced` is false where no replies are awaited. */
  constructor(outlet: Outlet, pipeline: number, paced: boolean) {
    this.#outlet = outlet;
    this.#pipeline = pipeline;
    this.#paced = paced;
  }

  count(): void {} // each connection has its part of the messages, see slots.ts

  start(): void {
    this.#running = true;
  }

  stop(): void {
    this.#stopping = true;
  }

  /** Keeps the pipeline full, with one system call for all messages that there is room for. */
  ready(peer: Peer, now: number): void {
    if (!this.#running || !peer.state.opened || peer.closed) return;
    if (!this.#paced) return this.#fillUnpaced(peer);
    const flow = peer.state;
    const room = this.#stopping ? 0 : Math.min(this.#pipeline - flow.inFlight, flow.left);
    if (room > 0) this.#outlet.send(peer, room, now, now);
    else if (flow.inFlight === 0) this.#outlet.exhausted(peer);
  }

  #fillUnpaced(peer: Peer): void {
    const flow = peer.state;
    for (let budget = UNPACED_BUDGET; budget > 0; budget--) {
      if (peer.closed || flow.finished || peer.queued > 0) return; // `writable` goes on
      if (this.#stopping || flow.left <= 0) return this.#outlet.exhausted(peer);
      const now = performance.now();
      this.#outlet.send(peer, 1, now, now);
    }
    this.#outlet.after(0, () => this.#fillUnpaced(peer));
  }

  gone(): void {}

  dueBefore(): number {
    return 0;
  }

  unsent(): number {
    return 0;
  }
}
