// The statistics are read while the workers count on.
import { describe, expect, it } from "bun:test";
import { COUNTER, Counters } from "../../lib/engine/mod.ts";
import { collectStats, ConnectionCount } from "../../lib/serve/stats.ts";
import { ERRNO } from "../../lib/sys/errno.ts";

/** What a worker does when a connection is reset: first it counts that, then the connection is gone. */
function loseOne(counters: Counters, connections: ConnectionCount): void {
  counters.countError(ERRNO.ECONNRESET!);
  counters.slots[COUNTER.closed]!++;
  connections.leave();
}

describe("the statistics of a server", () => {
  // Whoever waits until nobody is connected any more, and then looks at the errors, has to find them.
  for (const when of ["before the errors are read", "after the errors have been read"]) {
    it(`have the error of every connection that is gone: it is lost ${when}`, () => {
      const connections = new ConnectionCount();
      connections.enter(10);
      const counters = new Counters();
      const read = counters.errors.bind(counters);
      counters.errors = () => {
        if (when.startsWith("before")) loseOne(counters, connections);
        const found = read();
        if (when.startsWith("after")) loseOne(counters, connections);
        return found;
      };
      const counting = { selector: "poll", counters: [counters], restarts: 0, lost: 0 };
      const during = collectStats(counting, connections, 0);
      if (during.active === 0) expect(during.errors).toEqual({ ECONNRESET: 1 });
      counters.errors = read;
      const after = collectStats(counting, connections, 0);
      expect([after.active, after.closed, after.errors] as unknown)
        .toEqual([0, 1, { ECONNRESET: 1 }]);
    });
  }
});
