/** The phases of a generator thread: connect, wait for the command, warm up, count, end the connections. */
import { now as clock } from "../../sys/clock.ts";
import { collectGarbage } from "../../sys/runtime.ts";
import { threadCpu } from "../../sys/process/limits.ts";
import { duplicate } from "../../sys/posix.ts";
import type { Load } from "./load.ts";
import { smoothedRoundTrip } from "./connections/round_trip.ts";
import { Heartbeat } from "./heartbeat.ts";
import { LOAD_COMMAND, type LoadMessage, type LoadResult } from "../plan/plan.ts";
import { PATIENCE_MS } from "./patience.ts";
import { sweep } from "./sweeper.ts";

/** How soon after the last connect nothing much happens any more to connections that are held. */
const SETTLED_MS = 500;
/** The length of an interval of the timeline; a last one that would be much shorter is part of the one before. */
const INTERVAL_MS = 1000;
const SHORTEST_MS = 200;

type Post = (message: LoadMessage) => void;

/** Runs a load to its end, and returns what happened. `between` is called after each turn of the engine. */
export function runPhases(
  load: Load,
  post: Post,
  between: () => void = () => {},
): Omit<LoadResult, "timer"> {
  return new Phases(load, post, between).run();
}

class Phases {
  readonly #load: Load;
  readonly #post: Post;
  readonly #between: () => void;
  readonly #command: Int32Array;
  readonly #heartbeat: Heartbeat;
  #startedAt = clock();
  #cpuBefore = threadCpu();
  #counting = false;
  #intervals = 0;
  #stop: Stop | undefined;

  constructor(load: Load, post: Post, between: () => void) {
    this.#load = load;
    this.#post = post;
    this.#between = between;
    this.#command = new Int32Array(load.part.control);
    this.#heartbeat = new Heartbeat(load.engine);
  }

  run(): Omit<LoadResult, "timer"> {
    const load = this.#load;
    const { engine, tally, fleet, pump, slots, part: { plan } } = load;
    sweep(load);
    if (plan.hold) { // each connection exchanges its message as soon as it is open
      this.#count();
      load.received.countFrom = -Infinity;
      load.start(this.#startedAt);
    }
    fleet.connectAll();
    if (plan.hold) fleet.follow(this.#startedAt); // held all the same, they come and go as is asked
    this.#until(() => fleet.settled || this.#stopped);
    // A duplicate, for main to close: this thread may end before main has heard of it.
    this.#post({ type: "connected", wakeFd: duplicate(engine.wakeHandle.wakeFd) });
    // What connecting has left behind is as much as the connections themselves.
    if (plan.hold) engine.after(SETTLED_MS, collectGarbage);
    this.#until(() => this.#latest !== LOAD_COMMAND.connect);
    if (!plan.hold && !this.#stopped) this.#start();
    if (plan.durationMs !== null) {
      engine.after(plan.warmupMs + plan.durationMs, () => this.#end());
    }
    this.#until(() => load.idle || this.#stopped);
    this.#awaitOthers();
    let patienceMs = PATIENCE_MS;
    if (this.#stopped) { // what is in flight may still be answered, but not for long
      this.#end();
      const since = clock();
      this.#until(() => load.idle, PATIENCE_MS);
      patienceMs = Math.max(0, PATIENCE_MS - (clock() - since));
    }
    // By its count a run is over with its last reply, or once the last message that has none is given up.
    const stop = this.#stop ?? this.#stopNow(tally.clean ? load.received.lastReply : clock());
    const scheduled = this.#counting
      ? pump.dueBefore(stop.at) - pump.dueBefore(load.received.countFrom)
      : 0;
    const unsent = pump.unsent(stop.at);
    const slowest = load.slow.list(); // while they are open
    const roundTrip = smoothedRoundTrip(load.peers.inOrder);
    fleet.stop();
    load.endAll();
    this.#until(() => load.peers.size === 0, patienceMs);
    // What is still open tells so as it closes; what was to be sent again has no connection.
    engine.close();
    for (const messages of slots.owed) load.received.cutOffAll(messages);
    if (this.#counting) {
      tally.endInterval(this.#intervals + 1, stop.at, true);
      this.#post({ type: "interval" });
    }
    return {
      ...tally.summary(),
      startedAt: performance.timeOrigin + (this.#counting ? this.#startedAt : stop.at),
      stoppedAt: performance.timeOrigin + stop.at,
      drainMs: Math.max(0, load.received.lastReply - stop.at),
      ...{ cpu: stop.cpu, stalls: this.#heartbeat.stalls },
      elsewhereMs: slots.account.spent,
      ...{ scheduled, unsent, slowest, roundTrip, inFlightMs: load.received.cutOffMs },
      selector: engine.selector,
    };
  }

  get #latest(): number {
    return Atomics.load(this.#command, 0);
  }

  get #stopped(): boolean {
    return this.#latest === LOAD_COMMAND.stop;
  }

  /**
   * A run is over for all threads at the same time. One whose connections are gone has no less of the schedule
   * to send than the others, and no less time in which it sends nothing.
   */
  #awaitOthers(): void {
    const { idle, part: { workers } } = this.#load;
    if (workers === 1 || this.#stop || !idle) return;
    this.#post({ type: "idle" });
    const isOver = () => this.#stop !== undefined || this.#latest === LOAD_COMMAND.finish;
    this.#until(() => this.#stopped || (isOver() && this.#load.idle));
  }

  /** Turns the engine until something is so, for `ms` milliseconds at most. */
  #until(done: () => boolean, ms = Infinity): void {
    let over = false;
    if (ms < Infinity) this.#load.engine.after(ms, () => over = true);
    while (!done() && !over) {
      this.#load.engine.turn();
      this.#between();
    }
  }

  #start(): void {
    const { engine, fleet, part: { plan } } = this.#load;
    if (plan.warmupMs === 0) this.#count();
    else engine.after(plan.warmupMs, () => this.#count());
    // Before the messages of a warm-up there is nothing to count from.
    const now = plan.warmupMs === 0 ? this.#startedAt : clock();
    this.#load.start(now);
    fleet.follow(now);
  }

  /** The warm-up is over. */
  #count(): void {
    const load = this.#load;
    if (this.#stop) return;
    this.#counting = true;
    this.#startedAt = load.received.countFrom = clock();
    this.#cpuBefore = threadCpu();
    if (load.part.plan.warmupMs > 0) load.slots.count(load.peers);
    const { durationMs } = load.part.plan;
    load.pump.count(this.#startedAt, this.#startedAt + (durationMs ?? Infinity));
    let unsent = 0;
    load.peers.each((peer) => unsent += peer.unsent);
    load.tally.begin(this.#startedAt, unsent);
    load.slots.account.start(this.#startedAt);
    this.#heartbeat.reset();
    this.#post({ type: "counting" });
    this.#nextInterval();
  }

  #nextInterval(): void {
    const { engine, tally, part: { plan } } = this.#load;
    const number = this.#intervals + 1;
    const end = number * INTERVAL_MS;
    if (plan.durationMs !== null && plan.durationMs - end < SHORTEST_MS) return;
    engine.after(this.#startedAt + end - clock(), () => {
      if (this.#stop) return;
      this.#intervals = number;
      const ended = tally.endInterval(number, clock(), false);
      if (ended) this.#post({ type: "interval" });
      this.#nextInterval();
    });
  }

  /** Nothing new is sent from now on. */
  #end(): void {
    if (this.#stop) return;
    this.#stopNow(clock());
    this.#load.stop();
  }

  #stopNow(at: number): Stop {
    const cpu = threadCpu();
    const { user, system } = this.#counting ? this.#cpuBefore : cpu;
    this.#load.tally.stop();
    this.#stop = {
      at: Math.max(at, this.#startedAt),
      cpu: { user: cpu.user - user, system: cpu.system - system },
    };
    const { slots, peers } = this.#load;
    slots.account.stop(this.#stop.at, peers.inOrder);
    this.#post({ type: "stopped" });
    return this.#stop;
  }
}

/** What was known when the run stopped. */
interface Stop {
  readonly at: number;
  readonly cpu: LoadResult["cpu"];
}
