// The generator's clock: it must be the runtime's own, as times of both are compared.
import { describe, expect, it } from "bun:test";
import { now } from "../../lib/sys/clock.ts";

describe("now()", () => {
  it("is between two readings of performance.now() around it, always", () => {
    let off = 0;
    for (let i = 0; i < 20_000; i++) {
      const before = performance.now();
      const time = now();
      const after = performance.now();
      off = Math.max(off, before - time, time - after);
    }
    expect(off).toBeLessThan(0.005); // 5 us: some runtimes' clocks have coarse steps
  });

  it("never goes back, and goes on as fast", async () => {
    const [start, reference] = [now(), performance.now()];
    let last = start;
    for (let i = 0; i < 100_000; i++) {
      const time = now();
      if (time < last) expect(time).toBeGreaterThanOrEqual(last);
      last = time;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    const [end, until] = [now(), performance.now()];
    expect(end - start).toBeGreaterThan(49);
    const apart = until - reference - (end - start);
    expect(Math.abs(apart)).toBeLessThan(1000); // as much as a preemption between two readings
  });
});
