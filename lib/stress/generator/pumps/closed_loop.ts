/** A closed loop: each reply makes room for the next message. */
import { now as clock } from "../../../sys/clock.ts";
import { type Peer, roomOn } from "../connections/flow.ts";
import type { Outlet, Pump } from "./pump.ts";

/** Messages per turn and connection where no reply paces them. */
const UNPACED_BUDGET = 64;
/**
 * Which part of the connections may wait to be sent to while replies of others are received. To receive
 * first and send then is quicker, but nothing is in flight on a connection that waits, and that time is in
 * no latency: with all replies of a turn received before anything is sent it was up to 37 % of a run, with
 * this share it is 3 to 5 %.
 */
const BATCH_SHARE = 1 / 16;

/** Keeps a number of messages in flight on each connection; without replies, as many as are taken. */
export class ClosedLoop implements Pump {
  readonly #outlet: Outlet;
  readonly #pipeline: number;
  readonly #paced: boolean;
  readonly #batch: number;
  readonly #thinkMs: number;
  #waiting: Peer[] = [];
  #spare: Peer[] = [];
  #running = false;
  #stopping = false;

  /**
   * `paced` is false where no replies are awaited; `connections` is how many this thread has. With
   * `thinkMs` a connection sends its next message that long after a reply.
   */
  constructor(
    outlet: Outlet,
    { pipeline, paced, connections, thinkMs }: {
      pipeline: number;
      paced: boolean;
      connections: number;
      thinkMs: number;
    },
  ) {
    this.#outlet = outlet;
    this.#pipeline = pipeline;
    this.#paced = paced;
    this.#batch = Math.max(1, Math.floor(connections * BATCH_SHARE));
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
      return;
    }
    const waiting = this.#waiting.push(peer);
    if (waiting >= this.#batch) this.#sendAll();
    else if (waiting === 1) this.#outlet.engine.defer(this.#sendAll);
  }

  readonly #sendAll = (): void => {
    const peers = this.#waiting;
    this.#waiting = this.#spare;
    this.#spare = peers;
    for (let i = 0; i < peers.length; i++) this.#fill(peers[i]!);
    peers.length = 0;
  };

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
