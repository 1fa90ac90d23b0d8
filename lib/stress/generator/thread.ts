/** The phases of a generator thread: connect, wait for the word, warm up, count, say goodbye. */
import { now as clock } from "../../sys/clock.ts";
import { check } from "../../sys/errno.ts";
import { collectGarbage } from "../../sys/ffi.ts";
import { threadCpu } from "../../sys/limits.ts";
import { c } from "../../sys/posix.ts";
import type { Load } from "./load.ts";
import { Heartbeat } from "./heartbeat.ts";
import { LOAD_COMMAND, type LoadMessage, type LoadResult } from "../plan/plan.ts";
import { PATIENCE_MS, sweep } from "./sweeper.ts";

/** How soon after the last connect nothing much happens any more to connections that are held. */
const SETTLED_MS = 500;

/** Runs a load to its end, and returns what happened. Blocks its thread; `afterTurn` follows each turn. */
export function runPhases(
  load: Load,
  post: (message: LoadMessage) => void,
  afterTurn: () => void,
): LoadResult {
  const { engine, tally, fleet, pump } = load;
  const { plan, control } = load.part;
  const command = new Int32Array(control);
  const stopped = () => Atomics.load(command, 0) === LOAD_COMMAND.stop;
  function until(done: () => boolean): void {
    while (!done()) {
      engine.turn();
      afterTurn();
    }
  }
  sweep(load);
  const heartbeat = new Heartbeat(engine);
  let startedAt = clock();
  let cpuBefore = threadCpu();
  const count = () => {
    startedAt = load.countFrom = clock();
    cpuBefore = threadCpu();
    if (plan.warmupMs > 0) load.slots.count(load.peers);
    pump.count(startedAt);
    tally.begin();
    heartbeat.reset();
  };
  if (plan.hold) { // each connection exchanges its message as soon as it is open
    count();
    load.countFrom = -Infinity;
    load.start(startedAt);
  }
  fleet.board();
  until(() => fleet.settled || stopped());
  // A duplicate, for main to close: this thread may end before main has heard of it.
  post({ type: "connected", wakeFd: check(c.dup(engine.wakeHandle.wakeFd), "dup") });
  // What connecting has left behind is as much as the connections themselves.
  if (plan.hold) engine.after(SETTLED_MS, collectGarbage);
  until(() => Atomics.load(command, 0) !== LOAD_COMMAND.connect);

  if (!plan.hold && !stopped()) {
    if (plan.warmupMs === 0) count();
    else engine.after(plan.warmupMs, count);
    // Before the messages of a warm-up there is nothing to count from.
    const now = plan.warmupMs === 0 ? startedAt : clock();
    load.start(now);
    fleet.follow(now);
  }
  let stoppedAt = 0;
  const stop = () => {
    if (stoppedAt === 0) stoppedAt = clock();
    load.stop();
  };
  if (plan.durationMs !== null) engine.after(plan.warmupMs + plan.durationMs, stop);
  until(() => load.idle || stopped());
  if (stopped()) { // what is in flight may still be answered, but nobody waits for long
    stop();
    let over = false;
    engine.after(PATIENCE_MS, () => over = true);
    until(() => load.idle || over);
  }
  const counted = load.countFrom < Infinity;
  const endedAt = Math.max(load.lastReply, stoppedAt, startedAt);
  const cpu = threadCpu();
  const end = stoppedAt || endedAt;
  const scheduled = counted ? pump.dueBefore(end) - pump.dueBefore(load.countFrom) : 0;
  const unsent = pump.unsent(end);
  const stalls = heartbeat.stalls;
  const slowest = load.slow.list(); // while they are open
  fleet.disband();
  load.sayGoodbye(until);
  engine.close();
  return {
    ...tally.summary(),
    startedAt: performance.timeOrigin + startedAt,
    endedAt: performance.timeOrigin + endedAt,
    cpu: { user: cpu.user - cpuBefore.user, system: cpu.system - cpuBefore.system },
    ...{ stalls, scheduled, unsent, slowest },
    selector: engine.selector,
  };
}
