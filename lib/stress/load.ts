/** The body of a generator thread: connections driven on an engine, in a closed or an open loop. */
import { Counters, createEngine, type Engine, type Handler } from "../engine/mod.ts";
import type { OSError } from "../net/mod.ts";
import { ERRNO } from "../sys/errno.ts";
import { alternate, type Loop, tlsClient, type TlsEndpoint } from "../tls/mod.ts";
import { ClosedLoop } from "./closed_loop.ts";
import { type Dial, dialer } from "./dial.ts";
import { Fleet } from "./fleet.ts";
import { Flow, type Peer } from "./flow.ts";
import { createTraffic } from "./make_traffic.ts";
import { OpenLoop } from "./open_loop.ts";
import type { LoadData, LoadMessage, LoadResult } from "./plan.ts";
import type { Pump } from "./pump.ts";
import { rateProfile, Schedule } from "./schedule.ts";
import { Sources } from "./sources.ts";
import { Tally } from "./tally.ts";
import { runPhases } from "./thread.ts";
import type { Traffic } from "./traffic.ts";
import { warmUp } from "./warm_up.ts";

/** How long evidence of a mismatch is waited for, and a peer's FIN. */
export const PATIENCE_MS = 500;
/** The longest between looks at the command, as nobody can wake a thread that is still connecting. */
const MAX_SWEEP_MS = 250;
/** Local addresses that are tried for one connect. */
const MAX_SOURCES = 250;

/** All connections of a thread, and what happens to them. */
export class Load implements Handler<Flow> {
  readonly part: LoadData;
  readonly engine: Engine;
  readonly tally: Tally;
  readonly fleet: Fleet;
  readonly pump: Pump;
  readonly peers: Set<Peer> = new Set();
  /** When the latest reply came, or the latest message left where no replies are awaited. */
  lastReply = 0;
  /** Messages that are due earlier do not count: they belong to the warm-up. */
  countFrom = Infinity;
  readonly #traffic: Traffic;
  readonly #dial: Dial;
  readonly #sources: Sources;
  readonly #paced: boolean;
  readonly #open: boolean;
  /** Of each slot: messages that it may still send, and how many it has sent before it connected anew. */
  readonly #quotas: Float64Array;
  readonly #sent: Float64Array;
  /** And whether it has been connected before. */
  readonly #known: Uint8Array;
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
    const { plan, first, count, worker, workers } = data;
    this.part = data;
    this.engine = engine;
    this.tally = new Tally(engine.counters.slots, data.recorders);
    const { part: share = { index: 0, of: 1, firstConnection: 0, connections: plan.connections } } =
      plan;
    this.#firstNumber = share.firstConnection + first;
    this.#traffic = createTraffic({ ...plan, connections: share.connections });
    this.#sources = new Sources(plan, workers * share.of);
    this.#dial = dialer(engine, plan, this.#sources, tls);
    this.#paced = plan.expect.kind !== "none";
    this.#sent = new Float64Array(count);
    this.#known = new Uint8Array(count);
    const profile = rateProfile(plan);
    this.#open = profile.length > 0;
    const shareOf = (total: number, from: number, to: number) =>
      Math.floor(total * to / plan.connections) - Math.floor(total * from / plan.connections);
    if (this.#open) {
      const most = plan.messages === null ? Infinity : shareOf(plan.messages, first, first + count);
      const phase = (share.index + worker / workers) / share.of;
      const schedule = new Schedule(profile, count / plan.connections, phase);
      this.pump = new OpenLoop(this, schedule, this.tally.lag, plan.pipeline ?? Infinity, most);
    } else {
      this.pump = new ClosedLoop(this, plan.pipeline ?? 1, this.#paced);
    }
    const limited = plan.messages !== null && !this.#open;
    this.#quotas = Float64Array.from(
      { length: count },
      (_, slot) =>
        plan.hold
          ? 1
          : limited
          ? shareOf(plan.messages!, first + slot, first + slot + 1)
          : Infinity,
    );
    this.fleet = new Fleet(engine, plan, workers, count, {
      connect: (slot) => this.#connect(slot),
      dismiss: (slot) => this.#dismiss(slot),
    });
  }

  /** Connects, waits for `go`, runs, and returns what happened. */
  run(post: (message: LoadMessage) => void): Loop<LoadResult> {
    return runPhases(this, post);
  }

  /** Nothing is in flight, and nothing more is to be sent. */
  get idle(): boolean {
    if (this.fleet.growing) return false;
    if (this.peers.size === 0) return true;
    const { messages } = this.part.plan;
    return this.#busy === 0 && (this.#stopping || messages !== null);
  }

  #connect(slot: number): void {
    const now = performance.now();
    const first = this.#sent[slot]!;
    const left = Math.min(this.#quotas[slot]!, this.part.plan.messagesPerConnection ?? Infinity);
    const replies = this.#traffic.replies(this.#firstNumber + slot, first);
    this.#busy++;
    this.peers.add(this.#dial(this, new Flow(slot, replies, first, left, now)));
  }

  open(peer: Peer): void {
    const flow = peer.state;
    const now = performance.now();
    flow.opened = true;
    this.#exhausted = 0;
    this.tally.connect.record(now - flow.startedAt);
    this.tally.opened(this.#known[flow.slot] === 1);
    this.#known[flow.slot] = 1;
    this.fleet.attempted(flow.slot, true);
    if (this.#stopping || this.fleet.wants(flow.slot)) this.pump.ready(peer, now);
    else this.#leave(peer);
  }

  data(peer: Peer, bytes: Uint8Array): void {
    if (!this.#paced) return;
    const flow = peer.state;
    const now = performance.now();
    const { replies } = flow;
    const wasBroken = replies.broken;
    const complete = replies.take(bytes, flow.sentMessages);
    for (let i = 0; i < complete; i++) this.#answered(flow, now);
    this.lastReply = now;
    if (!replies.broken) return this.pump.ready(peer, now);
    if (!wasBroken) {
      this.#countMismatch(flow);
      this.engine.after(PATIENCE_MS, () => this.#conclude(peer));
    } else if (replies.conclusive) this.#conclude(peer);
  }

  #answered(flow: Flow, now: number): void {
    const dueAt = flow.oldestDueAt;
    if (dueAt >= this.countFrom) {
      this.tally.latency.record(now - flow.oldestSentAt);
      if (this.#open) this.tally.corrected.record(now - dueAt);
      this.tally.verified(1);
    }
    flow.answered();
  }

  send(peer: Peer, count: number, now: number, due: number): void {
    const flow = peer.state;
    const number = this.#firstNumber + flow.slot;
    const bytes = this.#traffic.messages(number, flow.first + flow.sentMessages, count);
    for (let i = 0; i < count; i++) flow.sent(now, due);
    if (due >= this.countFrom) this.tally.sent(count);
    if (!this.#paced) this.lastReply = now;
    peer.send(bytes);
  }

  writable(peer: Peer): void {
    const now = peer.state.progressAt = performance.now();
    if (!this.#paced || this.#open) this.pump.ready(peer, now);
  }

  after(ms: number, callback: () => void): void {
    this.engine.after(ms, callback);
  }

  exhausted(peer: Peer): void {
    const flow = peer.state;
    if (flow.finished || (flow.leaving && !this.#stopping)) return;
    const { hold, messagesPerConnection } = this.part.plan;
    if (this.#stopping) return this.#finish(flow);
    const more = this.#quotas[flow.slot]! > flow.sentMessages;
    if (!this.fleet.wants(flow.slot) || (more && flow.sentMessages === messagesPerConnection)) {
      this.#leave(peer);
    } else if (!hold) this.#finish(flow);
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
    flow.progressAt = performance.now();
    this.pump.gone(peer);
    peer.end();
  }

  #dismiss(slot: number): void {
    for (const peer of this.peers) {
      const flow = peer.state;
      if (flow.slot !== slot || !flow.opened) continue;
      flow.left = 0;
      if (flow.inFlight === 0 || !this.#paced) this.#leave(peer);
    }
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
    this.#quotas[flow.slot]! -= flow.sentMessages;
    this.#sent[flow.slot]! += flow.sentMessages;
    if (flow.replies.broken) this.#conclude(peer);
    if (this.#over) return; // we are the ones who leave
    if (this.#paced) this.tally.unanswered += this.#missing(flow);
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
    for (const peer of this.peers) if (peer.state.opened) this.pump.ready(peer, now);
  }

  /** The time is over: what is in flight may still be answered. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.pump.stop();
    this.fleet.disband();
    for (const peer of this.peers) {
      const flow = peer.state;
      if (!flow.opened) peer.close();
      else if (flow.inFlight === 0 || !this.#paced) this.#finish(flow);
    }
  }

  /** Looks for replies and connects that take too long, a few times per timeout. */
  sweep(): void {
    const { timeoutMs } = this.part.plan;
    const now = performance.now();
    for (const peer of this.peers) {
      const flow = peer.state;
      if (flow.leaving && now - flow.progressAt > PATIENCE_MS) peer.close();
      const waiting = !flow.opened ||
        (!flow.finished && (this.#paced ? flow.inFlight > 0 : peer.queued > 0));
      const since = !flow.opened
        ? flow.startedAt
        : this.#paced
        ? flow.oldestSentAt
        : flow.progressAt;
      if (!waiting || now - since < timeoutMs || flow.replies.broken) continue;
      this.engine.counters.countError(ERRNO.ETIMEDOUT!);
      this.tally.timeout(flow.inFlight);
      flow.timedOut = true;
      peer.close();
    }
    this.engine.after(Math.min(Math.max(timeoutMs / 8, 1), MAX_SWEEP_MS), () => this.sweep());
  }

  /** Half-closes, and takes the peers' last bytes: anything beyond the replies is a mismatch. */
  *sayGoodbye(until: (done: () => boolean) => Loop<void>): Loop<void> {
    this.#over = true;
    for (const peer of this.peers) peer.end();
    let over = false;
    this.engine.after(PATIENCE_MS, () => over = true);
    yield* until(() => over || this.peers.size === 0);
  }
}

/** Runs a thread's part of the load. Blocks its thread. */
export async function runLoad(
  data: LoadData,
  post: (message: LoadMessage) => void,
): Promise<void> {
  warmUp(data.plan, (warming, engine, ignore) => new Load(warming, engine).run(ignore));
  const { clientSelector: selector, tls: options } = data.plan;
  const tls = options && tlsClient(options);
  const engine = createEngine({ selector, counters: new Counters(data.counters) });
  const result = await alternate(new Load(data, engine, tls).run(post), engine, tls);
  tls?.free();
  post({ type: "result", result });
}
