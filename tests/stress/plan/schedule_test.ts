// When the messages of an open loop are due, held against a sum over small steps.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type Segment, valueAt } from "../../../lib/result/segments.ts";
import { Schedule } from "../../../lib/stress/plan/schedule.ts";

const rates = fc.integer({ min: 0, max: 5000 });
const profiles: fc.Arbitrary<Segment[]> = fc.array(
  fc.record({ durationMs: fc.integer({ min: 1, max: 3000 }), from: rates, to: rates }),
  { minLength: 1, maxLength: 4 },
);
const shares = fc.constantFrom([1, 0], [0.5, 0], [0.5, 0.5], [0.25, 0.75]);

/** The messages of all threads until a time, by the trapezoid rule over tiny steps. */
function integral(profile: Segment[], until: number): number {
  const step = until / 20_000;
  let sum = 0;
  for (let i = 0; i < 20_000; i++) sum += valueAt(profile, (i + 0.5) * step) * step / 1000;
  return sum;
}

describe("Schedule", () => {
  it("has none that is due at the very end, however a clock's digits are rounded", () => {
    const schedule = new Schedule([{ durationMs: Infinity, from: 200, to: 200 }], 1, 0);
    for (let i = 0; i < 1000; i++) {
      const now = 200 + i * Math.SQRT2;
      expect(schedule.dueBefore(now + 1000 - now)).toBe(200);
    }
  });

  it("spaces messages evenly at a constant rate, whichever threads share it", () => {
    const profile = [{ durationMs: Infinity, from: 1000, to: 1000 }];
    const alone = new Schedule(profile, 1, 0);
    expect([0, 1, 2, 3].map((i) => alone.timeOf(i))).toEqual([0, 1, 2, 3]);
    const [a, b] = [new Schedule(profile, 0.5, 0), new Schedule(profile, 0.5, 0.5)];
    expect([0, 1].map((i) => a.timeOf(i))).toEqual([0, 2]);
    expect([0, 1].map((i) => b.timeOf(i))).toEqual([1, 3]);
    expect(alone.dueBefore(3)).toBe(3);
    expect(a.dueBefore(3) + b.dueBefore(3)).toBe(3);
  });

  it("agrees with the sum of the rate over time", () => {
    fc.assert(
      fc.property(
        profiles,
        shares,
        fc.double({ min: 1, max: 9000, noNaN: true }),
        (p, s, until) => {
          const [share, phase] = s as [number, number];
          const due = new Schedule(p, share, phase).dueBefore(until);
          const wanted = integral(p, until) * share - phase;
          expect(Math.abs(due - Math.max(0, wanted)) <= 1 + wanted * 0.01).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("has every message due once, in order, and counted as soon as it is", () => {
    fc.assert(fc.property(profiles, shares, (profile, [share, phase]) => {
      const schedule = new Schedule(profile, share!, phase!);
      let last = 0;
      for (let i = 0; i < 200; i++) {
        const at = schedule.timeOf(i);
        expect(at >= last).toBe(true);
        last = at;
        if (at === Infinity) break;
        expect(schedule.dueBefore(at - 0.01) <= i + 1).toBe(true);
        expect(schedule.dueBefore(at + 0.01) >= i).toBe(true);
      }
    }));
  });

  it("has messages due at the next tick, and counted from then on", () => {
    const ticks = fc.constantFrom(0.5, 1, 10, 33);
    fc.assert(fc.property(profiles, shares, ticks, (profile, [share, phase], tickMs) => {
      const exact = new Schedule(profile, share!, phase!);
      const schedule = new Schedule(profile, share!, phase!, tickMs);
      const times: number[] = [];
      for (let i = 0; i < 300; i++) {
        const [own, at] = [exact.timeOf(i), schedule.timeOf(i)];
        if (own === Infinity) expect(at).toBe(Infinity);
        if (own === Infinity) break;
        expect(Math.abs(at / tickMs - Math.round(at / tickMs)) < 1e-9).toBe(true);
        expect(at >= own - 1e-3 * tickMs && at < own + tickMs).toBe(true);
        times.push(at);
      }
      // Between two ticks all of the last one are due, and none of the next.
      const last = times.length === 300 ? times.at(-1)! : Infinity;
      for (const at of new Set(times)) {
        if (at >= last) break;
        expect(schedule.dueBefore(at + tickMs / 2)).toBe(times.filter((time) => time <= at).length);
      }
    }));
  });

  it("rises from nothing, rests, and never comes after an end at 0", () => {
    const schedule = new Schedule(
      [{ durationMs: 1000, from: 0, to: 10 }, { durationMs: 1000, from: 0, to: 0 }],
      1,
      0,
    );
    expect(schedule.dueBefore(1000)).toBe(5);
    expect(schedule.dueBefore(1e9)).toBe(5);
    expect(schedule.timeOf(0)).toBe(0);
    expect(Math.round(schedule.timeOf(4))).toBe(894);
    expect(schedule.timeOf(6)).toBe(Infinity);
  });
});
