// Runs against the embedded server, where nothing may go wrong and every number must add up.
import { describe, expect, it } from "bun:test";
import type { StressResult } from "../../../lib/result/result.ts";
import { TempDir } from "../../support/files.ts";
import { startServe } from "../../support/cli.ts";
import { stress } from "../../support/misbehaving.ts";

/** Checks that all of a run's messages came back right, and that the numbers say so everywhere. */
function addsUp(result: StressResult, messages: number | undefined, size: number): void {
  const { sent } = result.messages;
  if (messages !== undefined) expect(sent).toBe(messages);
  expect(result.messages).toEqual({
    sent,
    received: sent,
    verified: sent,
    mismatched: 0,
    timed_out: 0,
    in_flight: 0,
    lost: 0,
  });
  expect(result.bytes).toEqual({ sent: sent * size, received: sent * size });
  expect(result.errors).toEqual({});
  expect(result.first_mismatch).toBe(null);
  expect(result.latency_us.count).toBe(sent);
  const { requested, established, failed, lost, peak } = result.connections;
  expect({ established, failed, lost, peak }).toEqual({
    established: requested,
    failed: 0,
    lost: 0,
    peak: requested,
  });
  expect(result.connect_us.count).toBe(requested);
  for (const latency of [result.latency_us, result.connect_us]) {
    const { min, p50, p90, p99, p99_9, p99_99, max, mean } = latency;
    const ordered = [min, p50, p90, p99, p99_9, p99_99, max];
    expect(ordered).toEqual(ordered.toSorted((a, b) => a - b));
    expect(min > 0 && mean >= min && mean <= max).toBe(true);
  }
  const { duration_s, rate } = result;
  expect(duration_s).toBeGreaterThan(0);
  // Both are rounded on their own; and what was in flight at the stop is no part of a rate.
  const { pipeline, rate: scheduled } = result.config as { pipeline?: number; rate?: number };
  const drained = result.drain_s > 0 ? scheduled ? sent : requested * (pipeline ?? 1) : 0;
  const close = drained + 0.01 * sent;
  expect(Math.abs(rate.messages_per_s * duration_s - sent)).toBeLessThanOrEqual(close);
  expect(Math.abs(rate.bytes_per_s * duration_s / size - sent)).toBeLessThanOrEqual(close + 1);
}

async function good(args: string[], messages: number | undefined, size = 64) {
  const { code, result } = await stress(args, 50_000);
  expect(code).toBe(0);
  addsUp(result, messages, size);
  return result;
}

describe("stress -n sends exactly as many messages", () => {
  it("as are asked for, whether the connections divide them or not", async () => {
    for (const [connections, messages] of [[7, 100], [3, 1], [16, 5]]) {
      await good(["-c", `${connections}`, "-n", `${messages}`], messages);
    }
  });

  it("with several in flight on a connection", async () => {
    await good(["-c", "5", "-n", "2003", "--pipeline", "16"], 2003);
  });

  it("from several threads to several threads", async () => {
    const args = ["-c", "9", "-n", "1001", "--workers", "2", "--server-workers", "2"];
    const result = await good(args, 1001);
    expect((result.server as { workers: number }).workers).toBe(2);
    expect(result.config.workers).toBe(2);
  });

  it("when there are more threads than connections", async () => {
    await good(["-c", "1", "-n", "10", "--workers", "3"], 10);
  });

  it("unless the time is over before", async () => {
    const { code, result } = await stress(["-c", "2", "-n", "1000m", "-d", "150ms"]);
    expect(code).toBe(0);
    addsUp(result, undefined, 64);
    expect(result.duration_s).toBeLessThan(10);
  });
});

describe("stress -s", () => {
  for (const [text, size, messages] of [["1", 1, 50], ["65537", 65537, 50]] as const) {
    it(`sends messages of ${text} bytes`, async () => {
      await good(["-c", "3", "-n", `${messages}`, "-s", text], messages, size);
    });
  }

  it("sends messages of 1MiB, several in flight", async () => {
    await good(["-c", "3", "-n", "20", "-s", "1MiB", "--pipeline", "4"], 20, 2 ** 20);
  });
});

describe("stress -d", () => {
  it("runs for as long as that, and a little for the last replies", async () => {
    const { code, result } = await stress(["-c", "5", "-d", "300ms"]);
    expect(code).toBe(0);
    addsUp(result, undefined, 64);
    expect(result.duration_s).toBeGreaterThan(0.25);
    expect(result.duration_s).toBeLessThan(10);
  });
});

describe("stress --expect", () => {
  it("upper, of a server that answers in upper case", async () => {
    await good(
      ["-c", "3", "-n", "60", "-s", "65537", "--service", "upper", "--expect", "upper"],
      60,
      65537,
    );
  });

  it("upper, of a server that answers as it is: exit 6", async () => {
    const { code, result } = await stress(["-c", "2", "-n", "200", "--expect", "upper"]);
    expect(code).toBe(6);
    expect(result.first_mismatch!.kind).toBe("corrupted");
  });

  it("echo, of a server that answers in upper case: exit 6, at the first lower-case letter", async () => {
    const { code, result } = await stress(["-c", "1", "-n", "200", "--service", "upper"]);
    expect(code).toBe(6);
    const { expected, actual } = result.first_mismatch!;
    const [right, wrong] = [parseInt(expected.slice(0, 2), 16), parseInt(actual.slice(0, 2), 16)];
    expect(right >= 0x61 && right <= 0x7a).toBe(true);
    expect(wrong).toBe(right - 0x20);
  });

  it("echo, of a server that answers nothing: exit 4", async () => {
    const args = ["-c", "3", "-n", "30", "--service", "discard", "--timeout", "300ms"];
    const { code, result } = await stress(args);
    expect(code).toBe(4);
    expect(result.messages.timed_out).toBe(3);
  });

  it("none, of a server that answers nothing", async () => {
    const args = ["-c", "3", "-n", "3000", "--service", "discard", "--expect", "none"];
    const { code, result } = await stress(args);
    expect(code).toBe(0);
    expect(result.messages.sent).toBe(3000);
    expect(result.messages.verified).toBe(0);
    expect(result.bytes).toEqual({ sent: 3000 * 64, received: 0 });
    expect((result.server as { bytes_in: number }).bytes_in).toBe(3000 * 64);
    expect(result.rate.messages_per_s).toBeGreaterThan(0);
    expect(result.latency_us.count).toBe(0);
    expect(result.connections.lost).toBe(0);
  });

  it("none, for a time", async () => {
    const args = ["-c", "2", "-d", "150ms", "-s", "4KiB", "--service", "discard"];
    const { code, result } = await stress([...args, "--expect", "none"]);
    expect(code).toBe(0);
    expect(result.messages.sent).toBeGreaterThan(100);
    expect(result.messages.lost + result.messages.timed_out).toBe(0);
  });
});

describe("stress over", () => {
  it("every selector, on either side", async () => {
    for (const selector of ["select", "poll", "epoll"]) {
      const args = ["-c", "20", "-n", "500", "--selector", selector, "--client-selector", selector];
      const result = await good(args, 500);
      expect(result.selector).toBe(selector);
      expect((result.server as { selector: string }).selector).toBe(selector);
    }
  });

  it("a Unix socket", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    await using _server = await startServe(["--unix", path]);
    const result = await good(["--unix", path, "-c", "5", "-n", "500"], 500);
    expect(result.target).toBe(`unix:${path}`);
    expect(result.server).toBe(null);
  });

  it("IPv6", async () => {
    await using server = await startServe(["-H", "::1"]);
    const result = await good([`[::1]:${server.port}`, "-c", "5", "-n", "500"], 500);
    expect(result.target).toBe(`[::1]:${server.port}`);
  });

  it("a host name", async () => {
    await using server = await startServe();
    const result = await good([`localhost:${server.port}`, "-c", "2", "-n", "100"], 100);
    expect(result.target).toBe(`localhost:${server.port}`);
  });

  it("2000 connections", async () => {
    await good(["-c", "2000", "-n", "4000"], 4000);
  });
});
