// What an idle connection takes, in serve and in stress --hold: 0.6 KB or so, of which bench has the figures.
import { describe, expect } from "bun:test";
import { readProc, spawnCli, startServe } from "../../support/cli.ts";
import { itUnless } from "../../support/systems.ts";

const FEW = 500, MANY = 3500;
/**
 * In bytes: what a buffer of its own for each would exceed by far. A third of it is the runtime's own code,
 * which is compiled meanwhile.
 */
const MOST = 6000;

const resident = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readProc(`${pid}/status`))![1]) * 1024;

const noProc = process.platform === "linux" ? undefined : "no /proc";

describe("an idle connection", () => {
  itUnless(noProc, "has no buffers of its own, on either side", async () => {
    await using server = await startServe();
    const hold = async (count: number) => {
      await using load = spawnCli(
        ["stress", server.name, "-c", String(count), "--hold", "-d", "60s"],
      );
      const held = await server.statsWhen(({ active }) => active === count);
      expect(held.active).toBe(count);
      await server.statsAtRest();
      return [resident(server.pid), resident(load.pid)] as const;
    };
    const few = await hold(FEW);
    await server.statsWhen(({ active }) => active === 0);
    const many = await hold(MANY);
    for (const side of [0, 1] as const) {
      expect((many[side] - few[side]) / (MANY - FEW)).toBeLessThan(MOST);
    }
  });
});
