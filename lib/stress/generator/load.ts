/** The load of a generator thread: connections driven on an engine, in a closed or an open loop. */
import type { Engine, Handler } from "../../engine/mod.ts";
import type { OSError } from "../../net/mod.ts";
import { now as clock } from "../../sys/clock.ts";
import type { TlsEndpoint } from "../../tls/mod.ts";
import { type Dial, dialer } from "./dial.ts";
import { Fleet } from "./connections/fleet.ts";
import { Flow, type Peer, takesMore } from "./connections/flow.ts";
import { IndexedSet } from "./connections/indexed_set.ts";
import { createPump } from "./pumps/create.ts";
import { createTraffic } from "../traffic/create.ts";
import type { LoadData } from "../plan/plan.ts";
import type { Pump } from "./pumps/pump.ts";
import { Retries } from "./connections/retries.ts";
import { missingOf, Receiver } from "./receiver.ts";
import { rateProfile } from "../../result/segments.ts";
import { Slots } from "./connections/slots.ts";
import { Sources } from "../plan/sources.ts";
import { SlowConnections } from "./connections/slowest.ts";
import { Tally } from "./tally.ts";
import type { Traffic } from "../traffic/traffic.ts";

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
  readonly received: Receiver;
  readonly slow: SlowConnections;
  /** Replies are awaited. */
  readonly paced: boolean;
  /** What is known of connections beyond their life. */
  readonly slots: Slots;
  readonly #traffic: Traffic;
  readonly #dial: Dial;
  readonly #retries: Retries;
  readonly #open: boolean;
  /** Connections that are not finished. */
  #busy = 0;
  #started = false;
  #stopping = false;
  /** The run is over, and connections are only ended. */
  #over = false;

  /** Counts in the engine's counters. Messages that are due within `togetherMs` leave together. */
  constructor(data: LoadData, engine: Engine, togetherMs: number, tls?: TlsEndpoint) {
    const { plan, count, workers } = data;
    this.part = data;
    this.engine = engine;
    this.tally = new Tally(engine.counters.slots, data);
    this.slow = new SlowConnections(count);
    this.#traffic = createTraffic(plan);
    const sources = new Sources(plan, workers);
    this.#dial = dialer(engine, plan, sources, tls);
    this.#retries = new Retries(plan, sources);
    this.paced = plan.expect.kind !== "none";
    this.#open = rateProfile(plan).length > 0;
    this.pump = createPump(this, data, this.tally, togetherMs);
    this.slots = new Slots(data, this.#open);
    this.received = new Receiver({
      ...{ engine, tally: this.tally, slow: this.slow, pump: this.pump },
      account: this.slots.account,
      ...{ scheduled: this.#open, first: data.first, count, leave: (peer) => this.#leave(peer) },
    });
    this.fleet = new Fleet(engine, plan, workers, count, {
      connect: (slot) => this.#connect(slot),
      retire: (slot) => this.#retire(slot),
      owes: (slot) => this.slots.owes(slot),
    });
  }

  /** Nothing is in flight, and nothing more is to be sent. */
  get idle(): boolean {
    if (this.slots.owing && !this.fleet.settled) return false;
    if (this.slots.empty && this.#busy === 0) return true;
    if (this.fleet.growing) return false;
    if (this.peers.size === 0) return true;
    const { messages } = this.part.plan;
    return this.#busy === 0 && (this.#stopping || messages !== null);
  }

  #connect(slot: number): void {
    const now = clock();
    const replies = this.#traffic.replies(this.part.first + slot, this.slots.begun(slot, now));
    this.#busy++;
    this.peers.add(this.#dial(this, new Flow(slot, replies, this.slots.left(slot), now)));
  }

  open(peer: Peer): void {
    const flow = peer.state;
    const now = clock();
    flow.opened = true;
    this.#retries.connected(flow.slot);
    this.tally.connect.record(now - flow.startedAt);
    this.tally.opened(this.slots.opened(flow.slot, now));
    this.fleet.attempted(flow.slot, true);
    if (!this.#stopping && !this.fleet.wants(flow.slot)) return this.#leave(peer);
    if (this.slots.owes(flow.slot)) this.#sendAgain(peer);
    this.pump.ready(peer, now);
  }

  /** Sends what the last connection was not to answer. It counts as sent when it was for the first time. */
  #sendAgain(peer: Peer): void {
    const flow = peer.state;
    for (const { sentAt, dueAt } of this.slots.settle(flow.slot)) {
      const seq = this.slots.first(flow.slot) + flow.sentMessages;
      const bytes = this.#traffic.messages(this.numberOf(flow), seq, 1);
      flow.sent(sentAt, dueAt);
      if (dueAt < this.received.countFrom) this.tally.uncountedOut(bytes.length);
      peer.send(bytes);
    }
    if (!this.fleet.wants(flow.slot)) flow.left = 0;
  }

  data(peer: Peer, bytes: Uint8Array): void {
    if (this.paced) this.received.take(peer, bytes);
  }

  /** The number of a connection, over all threads. */
  numberOf({ slot }: Flow): number {
    return this.part.first + slot;
  }

  send(peer: Peer, count: number, now: number, due: number): void {
    const flow = peer.state;
    const first = this.slots.first(flow.slot) + flow.sentMessages;
    const bytes = this.#traffic.messages(this.numberOf(flow), first, count);
    for (let i = 0; i < count; i++) flow.sent(now, due);
    if (due >= this.received.countFrom) {
      this.tally.sent(count);
      this.slots.spent(count);
    } else this.tally.uncountedOut(bytes.length);
    if (!this.paced) this.received.lastReply = now;
    peer.send(bytes);
    if (flow.sentMessages > count || peer.closed) return;
    // What came before the first message, as a greeting does, is of the reply to it.
    if (flow.replies.early || flow.replies.broken) this.data(peer, NOTHING);
  }

  writable(peer: Peer): void {
    const now = peer.state.progressAt = clock();
    if (!this.paced || this.#open) this.pump.ready(peer, now);
  }

  exhausted(peer: Peer): void {
    const flow = peer.state;
    if (flow.finished || peer.closed) return; // its close says what becomes of its messages
    if (this.#stopping) return this.#finish(flow);
    if (!takesMore(peer)) return; // it will be closed
    const { slot, sentMessages } = flow;
    if (!this.fleet.wants(slot) || this.slots.wornOut(slot, sentMessages)) this.#leave(peer);
    else if (!this.part.plan.hold && !this.#takeOver(peer)) this.#finish(flow);
  }

  /** Sends what other connections have left over; false when there is nothing. */
  #takeOver(peer: Peer): boolean {
    const flow = peer.state;
    const most = this.part.plan.pipeline ?? 1;
    const more = this.slots.hasLeftOver
      ? this.slots.takeOver(flow.slot, flow.sentMessages, most)
      : 0;
    flow.left += more;
    if (more > 0) this.pump.ready(peer, clock());
    return more > 0;
  }

  #finish(flow: Flow): void {
    if (flow.finished) return;
    flow.finished = true;
    this.slots.account.to(flow.slot, "done", clock());
    this.#busy--;
  }

  /** Ends a connection in order, while the run goes on. */
  #leave(peer: Peer): void {
    const flow = peer.state;
    flow.leaving = true;
    flow.progressAt = clock();
    this.slow.ask();
    peer.end();
  }

  #retire(slot: number): void {
    this.peers.each((peer) => {
      const flow = peer.state;
      if (flow.slot !== slot || !flow.opened) return;
      flow.left = 0;
      if (flow.inFlight === 0 || !this.paced) this.#leave(peer);
    });
  }

  end(peer: Peer): void {
    this.received.ended(peer);
    peer.close();
  }

  close(peer: Peer, error: OSError | null): void {
    const flow = peer.state;
    this.peers.delete(peer);
    this.pump.gone(peer);
    if (flow.replies.broken) this.received.conclude(peer);
    if (!flow.finished) this.#busy--;
    // The target has said that it answers no more: messages behind that are another connection's.
    const announced = !this.#over && flow.leaving && flow.replies.closing === true &&
      !flow.timedOut && !flow.mismatched;
    // Codes are of errors that count: what comes after one that did, or after the run, is none.
    const late = announced || this.#over || flow.timedOut || flow.mismatched;
    if (flow.opened && late) {
      if (error) this.engine.counters.countError(error.errno, -1);
    } else if (!this.#over) this.tally.failure(error);
    if (!flow.opened) return this.#connectFailed(flow, error);
    this.tally.closed();
    const inOrder = announced || (flow.leaving && error === null);
    this.slots.closed(flow, inOrder, announced ? flow.unanswered : []);
    // We are the ones who leave.
    if (this.#over) return this.paced ? this.received.cutOff(flow) : undefined;
    if (this.paced && !announced) this.tally.unanswered += missingOf(flow);
    const { slot } = flow;
    if (inOrder) {
      if (!(this.slots.left(slot) > 0 && this.fleet.renew(slot))) this.#passOn(slot);
      return;
    }
    if (error === null && flow.finished) return;
    // What ended it was counted: an error counts once.
    if (!flow.timedOut && !flow.mismatched) this.tally.connectionLost(error);
    if (this.part.plan.reconnect && this.fleet.retry(slot)) return;
    if (!this.#stopping && !this.fleet.wants(slot)) return this.#passOn(slot);
    this.tally.unanswered += this.slots.drop(slot);
  }

  /** A connection was retired: others take over its messages. */
  #passOn(slot: number): void {
    if (this.#stopping) return;
    this.slots.giveUp(slot);
    if (!this.slots.hasLeftOver || this.#busy === this.peers.size) return;
    this.peers.each((peer) => {
      if (!peer.state.finished || !takesMore(peer) || !this.slots.hasLeftOver) return;
      peer.state.finished = false;
      this.slots.account.to(peer.state.slot, "busy", clock());
      this.#busy++;
      if (!this.#takeOver(peer)) this.#finish(peer.state);
    });
  }

  #connectFailed(flow: Flow, error: OSError | null): void {
    const { slot } = flow;
    this.fleet.attempted(slot, false);
    if (this.#stopping && error === null) return; // given up, as the run is over
    const again = error && this.#retries.failed(slot, error, flow.startedAt);
    if (again) {
      this.tally.forgive(error, this.engine.counters, again.late);
      if (again.afterMs === 0) return void this.fleet.renew(slot);
      if (again.afterMs) return void this.fleet.retryIn(slot, again.afterMs);
    }
    this.tally.connectFailed();
    const { reconnect } = this.part.plan;
    if (reconnect && this.#started && this.fleet.retry(slot)) return;
    this.tally.unanswered += this.slots.drop(slot);
  }

  /** Sending starts. */
  start(now: number): void {
    this.#started = true;
    this.received.lastReply = now;
    this.pump.start(now);
    for (const peer of this.peers.inOrder) if (peer.state.opened) this.pump.ready(peer, now);
  }

  /** The time is over: what is in flight may still be answered. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.pump.stop();
    this.fleet.stop();
    this.peers.each((peer) => {
      const flow = peer.state;
      if (!flow.opened) {
        if (!this.slots.owes(flow.slot)) peer.close();
        return;
      }
      if (flow.inFlight === 0 || !this.paced) this.#finish(flow);
    });
  }

  /** Half-closes all connections. What the peers send beyond their replies is a mismatch. */
  endAll(): void {
    this.#over = true;
    this.peers.each((peer) => peer.end());
  }
}
