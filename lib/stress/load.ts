/** The body of a generator thread: connections driven on an engine, in a closed loop. */
import {
  type Connection,
  Counters,
  createEngine,
  type Engine,
  type Handler,
} from "../engine/mod.ts";
import type { OSError } from "../net/mod.ts";
import { check, ERRNO } from "../sys/errno.ts";
import { threadCpu } from "../sys/limits.ts";
import { c, sameBytes } from "../sys/posix.ts";
import { alternate, type Loop, tlsClient, type TlsEndpoint } from "../tls/mod.ts";
import { Connector } from "./connector.ts";
import { type Dial, dialer } from "./dial.ts";
import { Flow } from "./flow.ts";
import { Oracle } from "./oracle.ts";
import { LOAD_COMMAND, type LoadData, type LoadMessage, type LoadResult } from "./plan.ts";
import { Tally } from "./tally.ts";
import { Verifier } from "./verifier.ts";
import { warmUp } from "./warm_up.ts";

type Peer = Connection<Flow>;

/** How long evidence of a mismatch is waited for, and a peer's FIN at the end. */
const PATIENCE_MS = 500;
/** The longest between looks at the command, as nobody can wake a thread that is still connecting. */
const MAX_SWEEP_MS = 250;
/** Messages per turn and connection where no reply paces them. */
const UNPACED_BUDGET = 64;

const epochNow = () => performance.timeOrigin + performance.now();

class Load implements Handler<Flow> {
  readonly #data: LoadData;
  readonly #engine: Engine;
  readonly #tally: Tally;
  readonly #oracle: Oracle;
  readonly #peers = new Set<Peer>();
  readonly #connector: Connector;
  readonly #dial: Dial;
  #running = false;
  #stopping = false;
  /** The run is over, and connections are only said goodbye to. */
  #over = false;
  #lastReply = 0;

  /** Counts in the engine's counters, and closes the engine in the end. */
  constructor(data: LoadData, engine: Engine, tls?: TlsEndpoint) {
    const { plan } = data;
    this.#dial = dialer(engine, plan, tls);
    this.#data = data;
    this.#tally = new Tally(engine.counters.slots);
    this.#engine = engine;
    this.#connector = new Connector(this.#engine, data.count, (number) => this.#connect(number));
    this.#oracle = new Oracle(
      plan.seed,
      plan.connections,
      plan.expect === "upper" ? "upper" : "echo",
    );
  }

  /** Connects, waits for `go`, runs, and returns what happened. */
  *run(post: (message: LoadMessage) => void): Loop<LoadResult> {
    const { plan, control } = this.#data;
    const command = new Int32Array(control);
    const engine = this.#engine;
    function* until(done: () => boolean): Loop<void> {
      while (!done() && Atomics.load(command, 0) !== LOAD_COMMAND.stop) {
        engine.turn();
        yield;
      }
    }
    this.#sweep();
    this.#connector.run();
    yield* until(() => this.#connector.settled);
    // A duplicate, for main to close: this thread may end before main has heard of it.
    const wakeFd = check(c.dup(this.#engine.wakeHandle.wakeFd), "dup");
    post({ type: "connected", wakeFd });
    yield* until(() => Atomics.load(command, 0) === LOAD_COMMAND.go);

    const startedAt = epochNow();
    const cpuBefore = threadCpu();
    this.#lastReply = performance.now();
    this.#running = true;
    this.#stopping = Atomics.load(command, 0) === LOAD_COMMAND.stop; // before it could begin
    if (plan.durationMs !== null) this.#engine.after(plan.durationMs, () => this.#stop());
    for (const peer of this.#peers) this.#fill(peer, performance.now());
    yield* until(() => this.#idle);
    const endedAt = performance.timeOrigin + this.#lastReply;
    const cpu = threadCpu();
    this.#running = false;
    this.#over = true;
    yield* this.#sayGoodbye(until);
    this.#engine.close();
    return {
      ...this.#tally.summary(),
      startedAt,
      endedAt,
      cpuMs: cpu.user + cpu.system - cpuBefore.user - cpuBefore.system,
      selector: this.#engine.selector,
    };
  }

  /** Nothing is in flight, and nothing more is to be sent. */
  get #idle(): boolean {
    if (this.#peers.size === 0) return true;
    if (!this.#stopping && this.#data.plan.messages === null) return false;
    for (const peer of this.#peers) if (!peer.state.finished) return false;
    return true;
  }

  #connect(number: number): void {
    const { plan, first } = this.#data;
    const index = first + number;
    const verifier = new Verifier(this.#oracle, index, sameBytes);
    const flow = new Flow(index, verifier, this.#quota(index), plan.pipeline, performance.now());
    this.#peers.add(this.#dial(this, flow));
  }

  /** This connection's share of the messages. */
  #quota(index: number): number {
    const { messages, connections } = this.#data.plan;
    if (messages === null) return Infinity;
    return Math.floor(messages / connections) + (index < messages % connections ? 1 : 0);
  }

  open(peer: Peer): void {
    peer.state.opened = true;
    this.#tally.established++;
    this.#tally.connect.record(performance.now() - peer.state.startedAt);
    this.#connector.ended();
  }

  data(peer: Peer, bytes: Uint8Array): void {
    const { plan } = this.#data;
    if (plan.expect === "none") return;
    const flow = peer.state;
    const now = performance.now();
    const { verifier } = flow;
    const wasBroken = verifier.broken;
    const right = verifier.take(bytes, flow.sentMessages * plan.size);
    const complete = Math.floor(verifier.offset / plan.size) - flow.receivedMessages;
    for (let i = 0; i < complete; i++) this.#tally.latency.record(now - flow.answered());
    this.#tally.verified(complete);
    this.#lastReply = now;
    if (right === bytes.length) return this.#fill(peer, now);
    if (!wasBroken) {
      this.#countMismatch(flow);
      this.#engine.after(PATIENCE_MS, () => this.#conclude(peer));
    } else if (verifier.conclusive) this.#conclude(peer);
  }

  /** Keeps the pipeline full, with one system call for all messages that there is room for. */
  #fill(peer: Peer, now: number): void {
    const { plan } = this.#data;
    const flow = peer.state;
    if (!this.#running || !flow.opened || peer.closed) return;
    if (plan.expect === "none") return this.#fillUnpaced(peer);
    const room = this.#stopping ? 0 : Math.min(plan.pipeline - flow.inFlight, flow.quota);
    if (room > 0) this.#sendMessages(peer, room, now);
    else if (flow.inFlight === 0) flow.finished = true;
  }

  #fillUnpaced(peer: Peer): void {
    const flow = peer.state;
    for (let budget = UNPACED_BUDGET; budget > 0; budget--) {
      if (peer.closed || peer.queued > 0) return; // `writable` goes on
      if (this.#stopping || flow.quota <= 0) {
        flow.finished = true;
        return;
      }
      this.#sendMessages(peer, 1, performance.now());
      this.#lastReply = flow.progressAt;
    }
    this.#engine.after(0, () => this.#fillUnpaced(peer));
  }

  #sendMessages(peer: Peer, count: number, now: number): void {
    const { size } = this.#data.plan;
    const flow = peer.state;
    const bytes = this.#oracle.sent(flow.index, flow.sentMessages * size, count * size);
    flow.sent(count, now);
    this.#tally.sent(count);
    peer.send(bytes);
  }

  writable(peer: Peer): void {
    peer.state.progressAt = performance.now();
    if (this.#data.plan.expect === "none") this.#fill(peer, 0);
  }

  end(peer: Peer): void {
    const { plan } = this.#data;
    const flow = peer.state;
    if (flow.verifier.broken) this.#conclude(peer);
    else if (flow.verifier.offset % plan.size > 0) {
      // Between messages it would be a peer that left, and not a stream that is wrong.
      this.#countMismatch(flow);
      this.#tally.firstMismatch ??= flow.verifier.truncation(flow.sentMessages * plan.size);
    }
    peer.close();
  }

  close(peer: Peer, error: OSError | null): void {
    const flow = peer.state;
    this.#peers.delete(peer);
    if (!this.#over) this.#tally.failure(error);
    if (!flow.opened) {
      this.#tally.failed++;
      this.#connector.ended();
      return;
    }
    if (flow.verifier.broken) this.#conclude(peer);
    if (this.#over) return; // we are the ones who leave
    if (this.#data.plan.expect !== "none") this.#tally.unanswered += this.#missing(flow);
    if (error !== null || !flow.finished) this.#tally.lost++;
  }

  /** Messages without an answer that are not counted as mismatched or timed out already. */
  #missing(flow: Flow): number {
    if (flow.timedOut) return 0;
    return Math.max(0, flow.inFlight - (flow.mismatched ? 1 : 0));
  }

  #countMismatch(flow: Flow): void {
    flow.mismatched = true;
    this.#tally.mismatched();
  }

  /** Enough evidence, or no more is coming: what kind of mismatch was it? */
  #conclude(peer: Peer): void {
    const flow = peer.state;
    if (flow.concluded) return;
    flow.concluded = true;
    this.#tally.firstMismatch ??= flow.verifier.mismatch(flow.sentMessages * this.#data.plan.size);
    peer.close();
  }

  /** The time is over: what is in flight may still be answered. */
  #stop(): void {
    this.#stopping = true;
    for (const peer of this.#peers) {
      const flow = peer.state;
      if (flow.inFlight === 0 || this.#data.plan.expect === "none") flow.finished = true;
    }
  }

  /** Looks for replies and connects that take too long, a few times per timeout. */
  #sweep(): void {
    const { timeoutMs, expect } = this.#data.plan;
    const paced = expect !== "none";
    const now = performance.now();
    for (const peer of this.#peers) {
      const flow = peer.state;
      const waiting = !flow.opened || (this.#running && !flow.finished && flow.inFlight > 0);
      const since = !flow.opened ? flow.startedAt : paced ? flow.oldestSentAt : flow.progressAt;
      if (!waiting || now - since < timeoutMs || flow.verifier.broken) continue;
      this.#engine.counters.countError(ERRNO.ETIMEDOUT!);
      this.#tally.timedOut += flow.inFlight;
      flow.timedOut = true;
      peer.close();
    }
    this.#engine.after(Math.min(Math.max(timeoutMs / 8, 1), MAX_SWEEP_MS), () => this.#sweep());
  }

  /** Half-closes, and takes the peers' last bytes: anything beyond the replies is a mismatch. */
  *#sayGoodbye(until: (done: () => boolean) => Loop<void>): Loop<void> {
    this.#stopping = true;
    for (const peer of this.#peers) peer.end();
    let over = false;
    this.#engine.after(PATIENCE_MS, () => over = true);
    yield* until(() => over || this.#peers.size === 0);
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
