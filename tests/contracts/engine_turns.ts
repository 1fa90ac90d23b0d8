// Turns: what they wait for, what ends them, and the observer that sees each step.
import { expect, it } from "bun:test";
import { COUNTER } from "../../lib/engine/mod.ts";
import { type CreateEngine, engineBench, Recorder } from "../support/engines.ts";
import { turnFor, turnUntil } from "../support/engines.ts";
import { HelperThread } from "../support/helper_thread.ts";
import { encode, receive } from "../support/sockets.ts";
import { timed } from "../support/waiting.ts";

export function turnCases(create: CreateEngine, observes: boolean): void {
  const bench = engineBench(create);

  it("timers run in order of their time, not early, and those set together as they were set", () => {
    const engine = bench.engine();
    const start = performance.now();
    const seen: string[] = [];
    const set = (name: string, ms: number) =>
      engine.after(ms, () => {
        seen.push(name);
        expect(performance.now() - start).toBeGreaterThanOrEqual(ms);
      });
    set("c", 30);
    set("a", 5);
    set("b1", 15);
    set("b2", 15);
    const dropped = set("never", 10);
    dropped.cancel();
    dropped.cancel();
    turnUntil(engine, () => seen.length === 4);
    expect(seen).toEqual(["a", "b1", "b2", "c"]);
  });

  it("a turn waits for the next timer and no longer", () => {
    const engine = bench.engine();
    const { ms } = timed(() => (engine.after(30, () => {}), engine.turn()));
    expect(ms).toBeGreaterThanOrEqual(29);
    expect(ms).toBeLessThan(10_000);
  });

  it("a timer that sets one for now gives others their turn", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer } = bench.connected(engine, recorder);
    let rounds = 0;
    const again = () => {
      rounds++;
      engine.after(0, again);
    };
    again();
    peer.send(encode("x"));
    for (let i = 0; i < 5 && recorder.count("data") === 0; i++) engine.turn();
    expect(recorder.count("data")).toBe(1);
    expect(rounds).toBeLessThanOrEqual(7);
  });

  it("`now` is the time of the turn that runs, not of the one before", async () => {
    const helper = await HelperThread.start();
    try {
      const engine = bench.engine();
      const start = performance.now();
      let now = 0;
      const recorder = new Recorder({ data: () => now = engine.now });
      const { peer } = bench.connected(engine, recorder);
      void helper.later({ afterMs: 60, kind: "write", fd: peer.fileno(), text: "x" });
      while (now === 0) engine.turn();
      expect(now - start).toBeGreaterThanOrEqual(55);
      expect(now).toBeLessThanOrEqual(performance.now());
    } finally {
      await helper.stop();
    }
  });

  it("wake() of another thread ends a turn without a timeout", async () => {
    const helper = await HelperThread.start();
    try {
      const engine = bench.engine();
      const handle = engine.wakeHandle;
      for (let i = 0; i < 3; i++) {
        const done = helper.later({ afterMs: 30, kind: "wake", handle });
        const { ms } = timed(() => engine.turn());
        expect(ms).toBeLessThan(10_000);
        await done;
      }
    } finally {
      await helper.stop();
    }
  });

  it("counts wake-ups and events", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer } = bench.connected(engine, recorder);
    const { slots } = engine.counters;
    const [wakeups, events] = [slots[COUNTER.wakeups]!, slots[COUNTER.events]!];
    peer.send(encode("x"));
    engine.turn();
    expect(slots[COUNTER.wakeups]! - wakeups).toBe(1);
    expect(slots[COUNTER.events]! - events).toBe(1);
    expect(slots[COUNTER.spurious]).toBe(0);
  });

  if (!observes) return;
  it("an observer sees every step, and what is sent waits for its own turn", () => {
    const seen: string[] = [];
    const name = (connection: { state: string }) => connection.state;
    const engine = bench.engine({
      observer: {
        waiting: (n) => seen.push(`waiting ${n}`),
        ready: (n) => seen.push(`ready ${n}`),
        received: (c, bytes) => seen.push(`received ${bytes.length} ${name(c)}`),
        queued: (c, n) => seen.push(`queued ${n} ${name(c)}`),
        sent: (c, bytes) => seen.push(`sent ${bytes.length} ${name(c)}`),
        drained: (c) => seen.push(`drained ${name(c)}`),
      },
    });
    const recorder = new Recorder({ data: (connection, bytes) => void connection.send(bytes) });
    const { peer } = bench.connected(engine, recorder);
    seen.length = 0;
    peer.send(encode("hello"));
    turnUntil(engine, () => seen.includes("drained A"));
    expect(receive(peer, 5)).toEqual(encode("hello"));
    expect(seen).toEqual([
      ...["waiting 1", "ready 1", "received 5 A", "queued 5 A"],
      ...["waiting 1", "ready 1", "sent 5 A", "drained A"],
    ]);
    turnFor(engine, 5);
  });
}
