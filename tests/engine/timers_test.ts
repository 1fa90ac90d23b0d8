// The timer heap against a model that is a sorted array.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { engineMissing } from "../../lib/engine/mod.ts";
import { type Timer, Timers } from "../../lib/engine/timers.ts";
import { Program } from "../support/programs.ts";
import { itUnless, NO_SIGNALS } from "../support/systems.ts";
import { sleep } from "../support/waiting.ts";

type Step = { set: number } | { cancel: number } | { run: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ set: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.record({ cancel: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ run: fc.nat(20) }) },
);

describe("Timers", () => {
  it("run what a sorted array would, for any order of setting, cancelling and running", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const timers = new Timers();
        let model: { due: number; id: number; timer: Timer }[] = [];
        const ran: number[] = [];
        let now = 0;
        for (const [id, step] of steps.entries()) {
          if ("set" in step) {
            const due = now + step.set;
            model.push({ due, id, timer: timers.at(due, () => ran.push(id)) });
            model.sort((a, b) => a.due - b.due || a.id - b.id);
          } else if ("cancel" in step) {
            if (model.length === 0) continue;
            const [entry] = model.splice(step.cancel % model.length, 1);
            entry!.timer.cancel();
            entry!.timer.cancel(); // again, without effect
          } else {
            now += step.run;
            ran.length = 0;
            timers.run(now);
            expect(ran).toEqual(model.filter(({ due }) => due <= now).map(({ id }) => id));
            model = model.filter(({ due }) => due > now);
          }
          expect(timers.next).toBe(model[0]?.due ?? Infinity);
        }
      }),
      { numRuns: 200, interruptAfterTimeLimit: 3000 },
    );
  });

  it("set by a callback wait for the next run, also when they are due", () => {
    const timers = new Timers();
    const ran: string[] = [];
    timers.at(1, () => {
      ran.push("first");
      timers.at(0, () => ran.push("second"));
    });
    timers.at(2, () => ran.push("third"));
    timers.run(5);
    expect(ran).toEqual(["first", "third"]);
    timers.run(5);
    expect(ran).toEqual(["first", "third", "second"]);
    expect(timers.next).toBe(Infinity);
  });

  it("cancelled by a callback of the same run do not run", () => {
    const timers = new Timers();
    const ran: string[] = [];
    const later: Timer[] = [];
    timers.at(1, () => {
      for (const timer of later) timer.cancel();
      const set = timers.at(0, () => ran.push("set and cancelled"));
      timers.at(0, () => ran.push("kept"));
      later.push(set);
    });
    later.push(timers.at(1, () => ran.push("cancelled")), timers.at(2, () => ran.push("too")));
    timers.at(3, () => later.at(-1)!.cancel());
    timers.run(3);
    timers.run(3);
    expect(ran).toEqual(["kept"]);
  });

  it("cancelled ones do not pile up behind one that is far away", () => {
    const timers = new Timers();
    timers.at(1e9, () => {});
    for (let i = 0; i < 100_000; i++) timers.at(1e8 + i, () => {}).cancel();
    expect(timers.size).toBeLessThan(200);
    const alive = Array.from({ length: 1000 }, (_, i) => timers.at(i, () => {}));
    for (let i = 0; i < 100_000; i++) timers.at(1e8 + i, () => {}).cancel();
    expect(timers.size).toBeLessThan(3000);
    for (const timer of alive) timer.cancel();
    expect(timers.next).toBe(1e9);
  });

  it("a cancel of one that has run does not count as dead weight", () => {
    const timers = new Timers();
    const ran = Array.from({ length: 1000 }, () => timers.at(0, () => {}));
    timers.run(0);
    for (const timer of ran) timer.cancel();
    timers.at(5, () => {});
    expect([timers.size, timers.next]).toEqual([1, 5]);
  });
});

describe("An engine that was stopped until after a timer was due (SIGSTOP)", () => {
  for (const engine of ["readiness", "uring"] as const) {
    itUnless(
      NO_SIGNALS ?? engineMissing(engine),
      `${engine}: what came meanwhile is first`,
      async () => {
        const program = new Program("engine_stopped.ts", [engine]);
        expect(await program.line()).toBe("waiting");
        await sleep(100);
        await program.writeWhileStopped("x", 1500);
        expect(await program.line()).toBe("input timer");
      },
    );
  }
});
