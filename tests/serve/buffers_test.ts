// Water marks: what a server keeps for peers that do not read, and that this holds nobody else up.
import { describe, expect, it } from "bun:test";
import { startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { exchange, Peer } from "../support/peers.ts";
import { sleep } from "../support/waiting.ts";

/** The chunk repeated up to a length, as `flood` sends it. */
const repeated = (chunk: Uint8Array, length: number) =>
  Buffer.concat(Array.from({ length: Math.ceil(length / chunk.length) }, () => chunk))
    .subarray(0, length);

describe("serve --max-buffer and a client that never reads", () => {
  for (const [text, bytes] of [["64KiB", 65_536], ["1MiB", 1 << 20], ["10KB", 10_000]] as const) {
    it(`${text}: is never exceeded, reading stops, and later every byte arrives`, async () => {
      await using server = await startServe(["--max-buffer", text]);
      using peer = Peer.dial(server);
      const chunk = pattern(100_003);
      const sent = await peer.flood(chunk, 200, 40_000_000);
      expect(sent).toBeLessThan(40_000_000); // its own sends wait
      const stats = await server.statsAtRest(100);
      expect(stats.max_buffered).toBeGreaterThanOrEqual(bytes / 2);
      expect(stats.max_buffered).toBeLessThanOrEqual(bytes);
      expect(stats.bytes_in).toBeLessThan(sent); // the rest waits in the kernel
      const later = (await sleep(100), await server.stats());
      expect(later.bytes_in).toBe(stats.bytes_in);
      expect(later.wakeups - stats.wakeups).toBeLessThan(20); // no spin
      peer.end();
      expectSameBytes(await peer.readToEnd(), repeated(chunk, sent));
      const end = await server.statsWhen(({ active }) => active === 0);
      expect([end.bytes_in, end.bytes_out, end.active]).toEqual([sent, sent, 0]);
      expect(end.max_buffered).toBeLessThanOrEqual(bytes);
    });
  }

  it("does not hold up another client", async () => {
    await using server = await startServe(["--selector", "select"]);
    using lazy = Peer.dial(server);
    await lazy.flood(pattern(65_536), 100);
    const sent = pattern(500_000);
    const start = performance.now();
    expectSameBytes(await exchange(server, sent), sent);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it("that resets: what was kept is given back, the server lives", async () => {
    await using server = await startServe();
    const lazy = Peer.dial(server);
    await lazy.flood(pattern(65_536), 100);
    lazy.reset();
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect([stats.active, stats.closed]).toEqual([0, 1]);
    expect(Object.keys(stats.errors).every((code) => code === "ECONNRESET" || code === "EPIPE"))
      .toBe(true);
    expect((await exchange(server, "alive")).length).toBe(5);
  });
});
