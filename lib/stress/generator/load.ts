/** The load of a generator thread: connections driven on an engine, in a closed or an open loop. */
import { type Engine, type Handler, IndexedSet } from "../../engine/mod.ts";
import type { OSError } from "../../net/mod.ts";
import { now as clock } from "../../sys/clock.ts";
import type { TlsEndpoint } from "../../tls/mod.ts";
import { type Dial, dialer } from "./dial.ts";
import { Fleet } from "./fleet.ts";
import { Flow, type Peer } from "./flow.ts";
import { createPump } from "./make_pump.ts";
import { createTraffic } from "../traffic/create.ts";
import type { LoadData, LoadMessage, LoadResult } from "../plan/plan.ts";
import type { Pump } from "./pump.ts";
import { rateProfile } from "../plan/schedule.ts";
import { Slots } from "./slots.ts";
import { Sources } from "../plan/sources.ts";
import { SlowConnections } from "./slowest.ts";
import { PATIENCE_MS } from "./sweeper.ts";
import { Tally } from "./tally.ts";
import { runPhases } from "./thread.ts";
import type { Traffic } from "../traffic/traffic.ts";

/** Local addresses that are tried for one connect. */
const MAX_SOURCES = 250;

const NOTHING = new Uint8Array(0);

/** All connections of a thread, and what happens to them. */
export class Load implements Handler<Flow> {
  readonly part: LoadData;
  readonly engine: Engine;
  readonly tally: Tally;
  readonly fleet: Fleet;
  readonly pump: Pump;
  readonly peers: IndexedSet<Peer> = new IndexedSet({
    get: (peer) => peer.state.place,
    set: (peer, place) => peer.state.place = place,
  });
  /** When the latest reply came, or the latest message left where no replies are awaited. */
  lastReply = 0;
  /** Messages that are due earlier do not count: they belong to the warm-up. */
  countFrom = Infinity;
  /** The connections with the slowest replies. */
  readonly slow: SlowConnections;
  readonly #traffic: Traffic;
  readonly #dial: Dial;
  readonly #sources: Sources;
  /** Replies are awaited. */
  readonly paced: boolean;
  readonly #open: boolean;
  /** What is known of connections beyond their life. */
  readonly slots: Slots;
  /** The number of the first slot's connection, over all threads and processes. */
  readonly #firstNumber: number;
  /** Connections that are not finished. */
  #busy = 0;
  #started = false;
  #stopping = false;
  /** The run is over, and connections are only said goodbye to. */
  #over = false;
  #exhausted = 0;

  /** Counts in the engine's counters, and closes the engine in the end. */
  constructor(data: LoadData, engine: Engine, tls?: TlsEndpoint) {
    const { plan, first, count, workers } = data;
    this.part = data;
    this.engine = engine;
    this.tally = new Tally(engine.counters.slots, data.recorders);
    const { part: share = { index: 0, of: 1, firstConnection: 0, connections: plan.connections } } =
      plan;
    this.#firstNumber = share.firstConnection + first;
    this.slow = new SlowConnections(count);
    this.#traffic = createTraffic({ ...plan, connections: share.connections });
    this.#sources = new Sources(plan, workers * share.of);
    this.#dial = dialer(engine, plan, this.#sources, tls);
    this.paced = plan.expect.kind !== "none";
    this.#open = rateProfile(plan).length > 0;
    this.pump = createPump(this, data, this.tally);
    this.slots = new Slots(data, this.#open);
    this.fleet = new Fleet(engine, plan, workers, count, {
      connect: (slot) => this.#connect(slot),
      dismiss: (slot) => this.#dismiss(slot),
    });
  }

  /** Connects, waits for `go`, runs, and returns what happened. Blocks its thread. */
  run(post: (message: LoadMessage) => void, afterTurn: () => void = () => {}): LoadResult {
    return runPhases(this, post, afterTurn);
  }

  /** Nothing is in flight, and nothing more is to be sent. */
  get idle(): boolean {
    if (this.fleet.growing) return false;
    if (this.peers.size === 0) return true;
    const { messages } = this.part.plan;
    return this.#busy === 0 && (this.#stopping || messages !== null);
  }

  #connect(slot: number): void {
    const now = clock();
    const first = this.slots.first(slot);
    const left = this.slots.left(slot);
    const replies = this.#traffic.replies(this.#firstNumber + slot, first);
    this.#busy++;
    this.peers.add(this.#dial(this, new Flow(slot, replies, left, now)));
  }

  open(peer: Peer): void {
    const flow = peer.state;
    const now = clock();
    flow.opened = true;
    this.#exhausted = 0;
    this.tally.connect.record(now - flow.startedAt);
    this.tally.opened(this.slots.opened(flow.slot));
    this.fleet.attempted(flow.slot, true);
    if (this.#stopping || this.fleet.wants(flow.slot)) this.pump.ready(peer, now);
    else this.#leave(peer);
  }

  data(peer: Peer, bytes: Uint8Array): void {
    if (!this.paced) return;
    const flow = peer.state;
    const now = clock();
    const { replies } = flow;
    const wasBroken = replies.broken;
    const complete = replies.take(bytes, flow.sentMessages);
    for (let i = 0; i < complete; i++) this.#answered(peer, now);
    this.lastReply = now;
    if (!replies.broken) return this.pump.ready(peer, now);
    if (!wasBroken) this.#countMismatch(flow);
    if (replies.conclusive) this.#conclude(peer);
    else if (!wasBroken) this.engine.after(PATIENCE_MS, () => this.#conclude(peer));
  }

  #answered(peer: Peer, now: number): void {
    const flow = peer.state;
    const dueAt = flow.oldestDueAt;
    if (dueAt >= this.countFrom) {
      const latency = now - flow.oldestSentAt;
      this.tally.latency.record(latency);
      this.slow.note(peer, this.numberOf(flow), latency);
      if (this.#open) this.tally.corrected.record(now - dueAt);
      this.tally.verified(1);
    }
    flow.answered();
  }

  /** The number of a connection, over all threads and processes. */
  numberOf({ slot }: Flow): number {
    return this.#firstNumber + slot;
  }

  send(peer: Peer, count: number, now: number, due: number): void {
    const flow = peer.state;
    const first = this.slots.first(flow.slot) + flow.sentMessages;
    const bytes = this.#traffic.messages(this.numberOf(flow), first, count);
    for (let i = 0; i < count; i++) flow.sent(now, due);
    if (due >= this.countFrom) this.tally.sent(count);
    if (!this.paced) this.lastReply = now;
    peer.send(bytes);
    // A greeting that came before the first message is the reply to it.
    if (flow.sentMessages === count && flow.replies.early && !peer.closed) this.data(peer, NOTHING);
  }

  writable(peer: Peer): void {
    const now = peer.state.progressAt = clock();
    if (!this.paced || this.#open) this.pump.ready(peer, now);
  }

  exhausted(peer: Peer): void {
    const flow = peer.state;
    if (flow.finished || (flow.leaving && !this.#stopping)) return;
    if (this.#stopping) return this.#finish(flow);
    const { slot, sentMessages } = flow;
    if (!this.fleet.wants(slot) || this.slots.outworn(slot, sentMessages)) this.#leave(peer);
    else if (!this.part.plan.hold) this.#finish(flow);
  }

  #finish(flow: Flow): void {
    if (flow.finished) return;
    flow.finished = true;
    this.#busy--;
  }

  /** Ends a connection in order, while the run goes on. */
  #leave(peer: Peer): void {
    const flow = peer.state;
    flow.leaving = true;
    flow.progressAt = clock();
    this.pump.gone(peer);
    this.slow.ask();
    peer.end();
  }

  #dismiss(slot: number): void {
    this.peers.each((peer) => {
      const flow = peer.state;
      if (flow.slot !== slot || !flow.opened) return;
      flow.left = 0;
      if (flow.inFlight === 0 || !this.paced) this.#leave(peer);
    });
  }

  end(peer: Peer): void {
    const { replies, sentMessages } = peer.state;
    if (replies.broken) this.#conclude(peer);
    else if (replies.partial) {
      // Between messages it would be a peer that left, and not a stream that is wrong.
      this.#countMismatch(peer.state);
      this.tally.firstMismatch ??= replies.truncation(sentMessages);
    }
    peer.close();
  }

  close(peer: Peer, error: OSError | null): void {
    const flow = peer.state;
    this.peers.delete(peer);
    this.pump.gone(peer);
    if (!flow.finished) this.#busy--;
    if (!this.#over) this.tally.failure(error);
    if (!flow.opened) return this.#connectFailed(flow, error);
    this.tally.closed();
    this.slots.closed(flow.slot, flow.sentMessages);
    if (flow.replies.broken) this.#conclude(peer);
    if (this.#over) return; // we are the ones who leave
    if (this.paced) this.tally.unanswered += this.#missing(flow);
    if (flow.leaving && error === null) return this.fleet.renew(flow.slot);
    if (error === null && flow.finished) return;
    this.tally.connectionLost();
    if (this.part.plan.reconnect) this.fleet.retry(flow.slot);
  }

  #connectFailed({ slot }: Flow, error: OSError | null): void {
    this.fleet.attempted(slot, false);
    if (this.#stopping && error === null) return; // given up, as the run is over
    const { code, errno } = error ?? {};
    const spent = code === "EADDRNOTAVAIL" || code === "EADDRINUSE";
    if (spent && this.#exhausted++ < MAX_SOURCES && this.#sources.exhausted()) {
      this.engine.counters.countError(errno!, -1);
      return this.fleet.renew(slot);
    }
    this.tally.connectFailed();
    if (this.part.plan.reconnect && this.#started) this.fleet.retry(slot);
  }

  /** Messages without an answer that are not counted as mismatched or timed out already. */
  #missing(flow: Flow): number {
    if (flow.timedOut) return 0;
    return Math.max(0, flow.inFlight - (flow.mismatched ? 1 : 0));
  }

  #countMismatch(flow: Flow): void {
    flow.mismatched = true;
    this.tally.mismatched();
  }

  /** Enough evidence, or no more is coming: what kind of mismatch was it? */
  #conclude(peer: Peer): void {
    const flow = peer.state;
    if (flow.concluded) return;
    flow.concluded = true;
    this.tally.firstMismatch ??= flow.replies.mismatch(flow.sentMessages);
    peer.close();
  }

  /** Sending begins. */
  start(now: number): void {
    this.#started = true;
    this.lastReply = now;
    this.pump.start(now);
    for (const peer of this.peers.inOrder) if (peer.state.opened) this.pump.ready(peer, now);
  }

  /** The time is over: what is in flight may still be answered. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.pump.stop();
    this.fleet.disband();
    this.peers.each((peer) => {
      const flow = peer.state;
      if (!flow.opened) peer.close();
      else if (flow.inFlight === 0 || !this.paced) this.#finish(flow);
    });
  }

  /** Half-closes, and takes the peers' last bytes: anything beyond the replies is a mismatch. */
  sayGoodbye(until: (done: () => boolean) => void): void {
    this.#over = true;
    this.peers.each((peer) => peer.end());
    let over = false;
    this.engine.after(PATIENCE_MS, () => over = true);
    until(() => over || this.peers.size === 0);
  }
}
