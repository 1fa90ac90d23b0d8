// Statistics that are read while connections come and go as fast as they can.
import { describe, expect, it } from "bun:test";
import { spawnCli, startServe } from "../support/cli.ts";

describe("serve and its statistics under churn", () => {
  it("every snapshot adds up, from every place where one can be had", async () => {
    const args = ["--workers", "2", "--metrics", "127.0.0.1:0", "--max-connections", "15"];
    await using server = await startServe(args);
    const [, http] = await server.says(/Metrics on http:\/\/(127\.0\.0\.1:\d+)\//);
    const load = ["stress", `127.0.0.1:${server.port}`, "-c", "20", "-n", "3000", "--reconnect"];
    await using stress = spawnCli([...load, "--messages-per-connection", "1", "--json"]);
    let looked = 0, most = 0;
    while (!stress.ended) {
      const stats = looked % 10 === 9
        ? await server.stats()
        : await (await fetch(`http://${http}/stats.json`)).json();
      const { accepted, active, closed, rejected, denied, peak } = stats;
      expect(accepted).toBe(active + closed + rejected + denied);
      expect(active).toBeGreaterThanOrEqual(0);
      expect(peak).toBeGreaterThanOrEqual(active);
      most = Math.max(most, accepted);
      looked++;
    }
    expect(looked).toBeGreaterThan(2);
    expect(most).toBeGreaterThan(100);
  });
});
