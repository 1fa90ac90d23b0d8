// --idle-timeout and --fin-timeout.
import { describe, expect, it } from "bun:test";
import { startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { Peer } from "../support/peers.ts";
import { sleep, until } from "../support/waiting.ts";

describe("serve --idle-timeout", () => {
  it("closes a silent client after that time, and not an active one", async () => {
    await using server = await startServe(["--idle-timeout", "300ms"]);
    using active = Peer.dial(server);
    using idle = Peer.dial(server);
    const start = performance.now();
    const closed = idle.isOver(15_000).then(() => performance.now() - start);
    for (let i = 0; i < 12; i++) {
      await active.send("tick");
      expect(await active.text(4)).toBe("tick");
      await sleep(70);
    }
    expect(await closed).toBeGreaterThanOrEqual(290);
    expect(await closed).toBeLessThan(12_000);
    expect(await active.isOver()).toBe(true);
    expect((await server.stats()).errors).toEqual({});
  });

  it("counts from the last byte, also after a long quiet time of the whole server", async () => {
    await using server = await startServe(["--idle-timeout", "500ms"]);
    using peer = Peer.dial(server);
    await sleep(400); // no turn of the loop in this time
    const start = performance.now();
    await peer.send("x");
    expect(await peer.text(1)).toBe("x");
    expect(await peer.isOver()).toBe(true);
    expect(performance.now() - start).toBeGreaterThanOrEqual(490);
  });

  it("a newcomer after a long quiet time gets its full time", async () => {
    await using server = await startServe(["--idle-timeout", "300ms"]);
    await sleep(400);
    const start = performance.now();
    using peer = Peer.dial(server);
    await peer.isOver(3000);
    expect(performance.now() - start).toBeGreaterThanOrEqual(290);
  });

  it("a client that only reads is not idle", async () => {
    await using server = await startServe(["--idle-timeout", "300ms", "--service", "chargen"]);
    using peer = Peer.dial(server);
    const start = performance.now();
    while (performance.now() - start < 900) await peer.read(20_000);
    expect(peer.ended).toBe(false);
  });

  it("closes one that neither sends nor reads, with bytes queued for it", async () => {
    await using server = await startServe(["--idle-timeout", "300ms"]);
    using peer = Peer.dial(server);
    await peer.flood(pattern(65_536), 100);
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect([stats.active, stats.closed]).toEqual([0, 1]);
  });
});

describe("serve --fin-timeout", () => {
  it("bounds a half-closed client that does not read", async () => {
    await using server = await startServe(["--fin-timeout", "300ms", "--max-buffer", "32MiB"]);
    using peer = Peer.dial(server);
    await peer.send(pattern(9_000_000)); // more than the kernel keeps for a client that does not read
    const start = performance.now();
    peer.end();
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect([stats.active, stats.closed]).toEqual([0, 1]);
    expect(performance.now() - start).toBeGreaterThanOrEqual(290);
  });

  it("does not cut one that reads slowly but goes on", async () => {
    await using server = await startServe(["--fin-timeout", "300ms", "--max-buffer", "32MiB"]);
    using peer = Peer.dial(server);
    const sent = pattern(12_000_000);
    await peer.send(sent);
    peer.end();
    const parts: Uint8Array[] = [];
    const start = performance.now();
    while (!peer.ended) {
      parts.push(await peer.read(16_000));
      if (performance.now() - start < 900) await sleep(1);
    }
    expect(performance.now() - start).toBeGreaterThan(600); // longer than the timeout
    expectSameBytes(Buffer.concat(parts), sent);
  });

  it("is off with 0: the client may take its time", async () => {
    await using server = await startServe(["--fin-timeout", "0s", "--service", "daytime"]);
    using peer = Peer.dial(server);
    await peer.readToEnd();
    await sleep(300);
    expect((await server.stats()).active).toBe(1);
    peer.end();
    expect((await server.statsWhen(({ active }) => active === 0)).active).toBe(0);
    expect(await until(() => server.stderr() === "")).toBe(true);
  });
});
