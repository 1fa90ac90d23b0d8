// What iomux stress says of a server with faults: each has its exit code.
import { describe, expect, it } from "bun:test";
import { startServe } from "../../support/cli.ts";
import { allAccountedFor, stress } from "../../support/misbehaving.ts";

/** A run of 64-byte messages against a server with faults. */
async function against(faults: string[], args: string[]) {
  await using server = await startServe(faults);
  const outcome = await stress([server.name, ...args]);
  expect(allAccountedFor(outcome.result)).toBe(true);
  return { ...outcome, stats: await server.statsWhen(({ active }) => active === 0) };
}

describe("stress and serve", () => {
  it("--reset-after: lost, 5", async () => {
    const { code, result } = await against(["--reset-after", "1000"], ["-c", "4", "-n", "400"]);
    expect(code).toBe(5);
    expect(result.errors).toEqual({ ECONNRESET: 4 });
    const { verified, lost, mismatched } = result.messages;
    expect({ verified, lost, mismatched }).toEqual({ verified: 60, lost: 4, mismatched: 0 });
    expect(result.connections.lost).toBe(4);
  });

  it("--reset-after 0: never connected, or lost at once, 3 or 5", async () => {
    const { code, result } = await against(["--reset-after", "0"], ["-c", "2", "-n", "20"]);
    expect([3, 5]).toContain(code);
    expect(result.messages.verified).toBe(0);
  });

  it("--close-after in the middle of a message: truncated, 6", async () => {
    const { code, result } = await against(["--close-after", "1000"], ["-c", "1", "-n", "100"]);
    expect(code).toBe(6);
    const { kind, offset } = result.first_mismatch!;
    expect({ kind, offset }).toEqual({ kind: "truncated", offset: 1000 });
    expect(result.messages.verified).toBe(15);
  });

  it("--close-after between two messages: gone before the work was done, 5", async () => {
    const { code, result } = await against(["--close-after", "640"], ["-c", "2", "-n", "100"]);
    expect(code).toBe(5);
    expect([result.messages.verified, result.messages.mismatched]).toEqual([20, 0]);
  });

  it("--delay: shows in the latency of every message, 0", async () => {
    const { code, result } = await against(["--delay", "40ms±10ms"], ["-c", "5", "-n", "50"]);
    expect(code).toBe(0);
    const { min, p50, count } = result.latency_us;
    expect(count).toBe(50);
    expect(min).toBeGreaterThanOrEqual(30_000);
    expect(p50).toBeGreaterThanOrEqual(35_000);
    expect(p50).toBeLessThan(500_000);
  });

  it("--blackhole: timed out, 4", async () => {
    const { code, result, stats } = await against(
      ["--blackhole", "--fin-timeout", "100ms"],
      ["-c", "3", "-n", "30", "--timeout", "400ms"],
    );
    expect(code).toBe(4);
    expect(result.messages.timed_out).toBe(3);
    expect([stats.bytes_in, stats.bytes_out]).toEqual([192, 0]);
  });

  it("--slice and --bandwidth: every byte verified, 0", async () => {
    const faults = ["--slice", "10", "--bandwidth", "100KB/s", "--delay", "2ms±2ms"];
    const { code, result, stats } = await against(faults, [
      ...["-c", "20", "-n", "400", "-s", "1000", "--pipeline", "2"],
    ]);
    expect(code).toBe(0);
    expect(result.messages.verified).toBe(400);
    expect(stats.bytes_out).toBe(400_000);
  });

  it("--fault-rate: only those connections fail", async () => {
    const { code, result } = await against(
      ["--reset-after", "64", "--fault-rate", "30", "--seed", "11"],
      ["-c", "40", "-n", "4000"],
    );
    expect(code).toBe(5);
    expect(result.connections.lost).toBeGreaterThan(3);
    expect(result.connections.lost).toBeLessThan(25);
    expect(result.messages.mismatched).toBe(0);
  });
});
