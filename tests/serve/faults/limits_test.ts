// Faults and the server's other promises: water marks, drain, timeouts, statistics.
import { describe, expect, it } from "bun:test";
import { readProc, startServe } from "../../support/cli.ts";
import { expectSameBytes, pattern } from "../../support/engines.ts";
import { readToAnyEnd } from "../../support/faulty.ts";
import { exchange, Peer } from "../../support/peers.ts";
import { sleep } from "../../support/waiting.ts";

const onLinux = process.platform === "linux";

const repeated = (chunk: Uint8Array, length: number) =>
  Buffer.concat(Array.from({ length: Math.ceil(length / chunk.length) }, () => chunk))
    .subarray(0, length);

describe("serve with faults and a fast sender", () => {
  it("--delay: what is held back is bounded by --max-buffer, and all of it comes", async () => {
    await using server = await startServe(["--delay", "300ms", "--max-buffer", "256KiB"]);
    using peer = Peer.dial(server);
    const chunk = pattern(100_003);
    const sent = await peer.flood(chunk, 5000, 800_000);
    const stats = await server.statsWhen(({ max_buffered }) => max_buffered >= 1 << 17);
    expect(stats.max_buffered).toBeGreaterThanOrEqual(1 << 17);
    expect(stats.max_buffered).toBeLessThanOrEqual(1 << 18);
    peer.end();
    expectSameBytes(await peer.readToEnd(), repeated(chunk, sent));
    const end = await server.statsWhen(({ active }) => active === 0);
    expect([end.bytes_in, end.bytes_out, end.active]).toEqual([sent, sent, 0]);
    expect(end.max_buffered).toBeLessThanOrEqual(1 << 18);
  });

  it("many connections with --delay and --bandwidth: memory is that of their buffers", async () => {
    await using server = await startServe([
      ...["--delay", "2s", "--bandwidth", "1KB", "--max-buffer", "128KiB"],
    ]);
    const peers = Array.from({ length: 30 }, () => Peer.dial(server));
    const resident = () => Number(/VmRSS:\s+(\d+) kB/.exec(readProc(`${server.pid}/status`))![1]);
    const before = onLinux ? resident() : 0;
    for (const peer of peers) await peer.flood(pattern(65_536), 10, 1_000_000);
    // Small messages, of which each could cost more than its bytes.
    for (let i = 0; i < 100; i++) for (const peer of peers) peer.trySend(pattern(3));
    const stats = await server.stats();
    expect(stats.max_buffered).toBeLessThanOrEqual(1 << 17);
    expect(stats.bytes_in).toBeLessThanOrEqual(30 * (1 << 17));
    if (onLinux) expect(resident() - before).toBeLessThan(40_000);
    for (const peer of peers) peer.reset();
    // They are not read, being at their water mark: the next bytes for them tell that they are gone.
    expect((await server.statsWhen(({ active }) => active === 0)).closed).toBe(30);
  });

  it("one that resets with bytes held back: they are given back, the server lives", async () => {
    await using server = await startServe(["--delay", "300ms", "--slice", "1000"]);
    for (let i = 0; i < 5; i++) {
      const peer = Peer.dial(server);
      await peer.send(pattern(50_000));
      await sleep(i * 100);
      peer.reset();
    }
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect([stats.active, stats.closed]).toEqual([0, 5]);
    expect((await exchange(server, "alive")).length).toBe(5);
  });
});

describe("serve with faults and SIGTERM", () => {
  it("what is held back is still delivered within --drain-timeout, 0", async () => {
    await using server = await startServe(["--delay", "500ms", "--bandwidth", "100KB/s"]);
    using peer = Peer.dial(server);
    const sent = pattern(30_000);
    await peer.send(sent);
    peer.end();
    await server.statsWhen(({ bytes_in }) => bytes_in === sent.length);
    server.kill("SIGTERM");
    expectSameBytes(await peer.readToEnd(), sent);
    expect((await server.exit).code).toBe(0);
  });

  it("an answer that is held back for longer is cut after --drain-timeout, 1", async () => {
    await using server = await startServe(["--delay", "40s", "--drain-timeout", "300ms"]);
    using peer = Peer.dial(server);
    await peer.send("hello");
    await server.statsWhen(({ bytes_in }) => bytes_in === 5);
    server.kill("SIGTERM");
    expect((await server.exit).code).toBe(1);
    expect(await peer.isOver()).toBe(true);
  });
});

describe("serve with faults and timeouts", () => {
  it("--idle-timeout goes on while an answer is held back", async () => {
    await using server = await startServe(["--delay", "40s", "--idle-timeout", "300ms"]);
    using peer = Peer.dial(server);
    await peer.send("hello");
    const { bytes, ms } = await readToAnyEnd(peer);
    expect(bytes.length).toBe(0);
    expect(ms).toBeGreaterThanOrEqual(250);
    expect(ms).toBeLessThan(20_000);
  });

  it("--idle-timeout is no limit for an answer that keeps coming", async () => {
    await using server = await startServe(["--bandwidth", "20KB", "--idle-timeout", "200ms"]);
    using peer = Peer.dial(server);
    const sent = pattern(16_000);
    await peer.send(sent);
    const start = performance.now();
    expectSameBytes(await peer.read(16_000), sent);
    expect(performance.now() - start).toBeGreaterThanOrEqual(600);
    expect((await readToAnyEnd(peer)).how).toBe("FIN");
  });

  it("a black hole that nothing is sent to is closed when idle", async () => {
    await using server = await startServe(["--blackhole", "--idle-timeout", "250ms"]);
    using peer = Peer.dial(server);
    const start = performance.now();
    for (let i = 0; i < 5; i++) {
      await peer.send("still here");
      await sleep(100);
    }
    expect((await readToAnyEnd(peer, 3000)).how).not.toBe("open");
    expect(performance.now() - start).toBeGreaterThanOrEqual(600);
  });
});
