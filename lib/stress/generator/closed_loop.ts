/** A closed loop: each reply makes room for the next message. */
import { now as clock } from "../../sys/clock.ts";
import type { Peer } from "./flow.ts";
import type { Outlet, Pump } from "./pump.ts";

/** Messages per turn and connection where no reply paces them. */
const UNPACED_BUDGET = 64;

/** Keeps a number of messages in flight on each connection; without replies, as many as are taken. */
export class ClosedLoop implements Pump {
  readonly #outlet: Outlet;
  readonly #pipeline: number;
  readonly #paced: boolean;
  #waiting: Peer[] = [];
  #spare: Peer[] = [];
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
  ready(peer: Peer): void {
    if (!this.#running || !peer.state.opened || peer.closed) return;
    if (!this.#paced) return this.#fillUnpaced(peer);
    if (this.#waiting.push(peer) === 1) this.#outlet.engine.defer(this.#sendAll);
  }

  readonly #sendAll = (): void => {
    const peers = this.#waiting;
    this.#waiting = this.#spare;
    this.#spare = peers;
    for (let i = 0; i < peers.length; i++) this.#fill(peers[i]!);
    peers.length = 0;
  };

  #fill(peer: Peer): void {
    if (peer.closed) return;
    const flow = peer.state;
    const room = this.#stopping ? 0 : Math.min(this.#pipeline - flow.inFlight, flow.left);
    if (room > 0) {
      const now = clock();
      this.#outlet.send(peer, room, now, now);
    } else if (flow.inFlight === 0) this.#outlet.exhausted(peer);
  }

  #fillUnpaced(peer: Peer): void {
    const flow = peer.state;
    for (let budget = UNPACED_BUDGET; budget > 0; budget--) {
      if (peer.closed || flow.finished || peer.queued > 0) return; // `writable` goes on
      if (this.#stopping || flow.left <= 0) return this.#outlet.exhausted(peer);
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
