// The statistics are read while the workers count on.
import { describe, expect, it } from "bun:test";
import { Counters } from "../../lib/engine/mod.ts";
import { SERVE_COUNTER, ServerStats } from "../../lib/serve/stats.ts";
import { ERRNO } from "../../lib/sys/errno.ts";

const { opened, closed } = SERVE_COUNTER;

describe("the statistics of a server", () => {
  it("add up in every snapshot, whatever is counted while it is taken", () => {
    const stats = ServerStats.create(1);
    const counters = new Counters(stats.memory.workers[0]!);
    // A worker that works between any two reads: connections come and go at each look at a slot.
    const slots = new Proxy(counters.slots, {
      get: (target, slot) => {
        const value = Reflect.get(target, slot);
        if (slot === String(opened) && target[opened]! < 1000) {
          target[opened]! += 2;
          target[closed]! += target[closed]! % 3 === 0 ? 2 : 1;
        }
        return value;
      },
    });
    const reader = new ServerStats(stats.memory, [Object.assign(counters, { slots })]);
    for (let i = 0; i < 50; i++) {
      const { accepted, active, closed, rejected, denied, peak } = reader.collect();
      expect(accepted).toBe(active + closed + rejected + denied);
      expect(active).toBeGreaterThanOrEqual(0);
      expect(peak).toBeGreaterThanOrEqual(active);
    }
  });

  // A test that waits until no connection is left, and then looks at the errors, has to find them.
  it("have the error of every connection that they count as closed", () => {
    const stats = ServerStats.create(1);
    const counters = new Counters(stats.memory.workers[0]!);
    counters.slots[opened]!++;
    const read = counters.errors.bind(counters);
    counters.errors = () => {
      const found = read();
      counters.countError(ERRNO.ECONNRESET!); // first the error, then the connection
      counters.slots[closed]!++;
      return found;
    };
    const reader = new ServerStats(stats.memory, [counters]);
    const during = reader.collect();
    expect([during.closed, during.active, during.errors] as unknown).toEqual([0, 1, {}]);
    counters.errors = read;
    const after = reader.collect();
    expect([after.closed, after.active, after.errors] as unknown)
      .toEqual([1, 0, { ECONNRESET: 1 }]);
  });
});
