// Signals: drain, second signal, statistics; promptly, whatever the loop is doing.
import { describe, expect, it } from "bun:test";
import { engineMissing } from "../../lib/engine/mod.ts";
import { type RunningServer, startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { dialError, Peer } from "../support/peers.ts";
import { sleep, until } from "../support/waiting.ts";

async function echoing(server: RunningServer): Promise<Peer> {
  const peer = Peer.dial(server);
  await peer.send("?");
  expect(await peer.text(1)).toBe("?");
  return peer;
}

/** How long the process takes to end after a signal, and how it ends. */
async function after(server: RunningServer, signal: "SIGTERM" | "SIGINT") {
  const start = performance.now();
  server.kill(signal);
  const { code } = await server.exit;
  return { code, ms: performance.now() - start };
}

describe("serve and SIGTERM or SIGINT", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`${signal} without connections: ends at once with 0`, async () => {
      await using server = await startServe(["--workers", "2"]);
      const { code, ms } = await after(server, signal);
      expect(code).toBe(0);
      expect(ms).toBeLessThan(8000); // of 10 s for a drain
    });
  }

  it("a connection that ends within --drain-timeout: it is served to its end, 0", async () => {
    await using server = await startServe(["--drain-timeout", "5s", "--stats"]);
    using peer = await echoing(server);
    server.kill("SIGTERM");
    await server.says(/Draining: 1 connections? open, at most 5 s/);
    const sent = pattern(2_000_000);
    const sending = peer.send(sent).then(() => peer.end());
    expectSameBytes(await peer.readToEnd(), sent);
    await sending;
    expect(await server.exit).toEqual({ code: 0, signal: null });
    expect(server.lastStats().bytes_out).toBe(2_000_001);
    expect(server.stderr()).not.toMatch(/Cut/);
  });

  it("a connection that does not: it is cut after --drain-timeout, 1", async () => {
    await using server = await startServe(["--drain-timeout", "300ms", "--stats"]);
    using one = await echoing(server);
    using two = await echoing(server);
    const { code, ms } = await after(server, "SIGTERM");
    expect(code).toBe(1);
    expect(ms).toBeGreaterThanOrEqual(290);
    expect(ms).toBeLessThan(8000);
    expect([await one.isOver(), await two.isOver()]).toEqual([true, true]);
    expect(server.stderr()).toMatch(/Cut 2 connections/);
    const { active, closed } = server.lastStats();
    expect({ active, closed }).toEqual({ active: 0, closed: 2 });
  });

  it("--drain-timeout 0: cut at once, 1", async () => {
    await using server = await startServe(["--drain-timeout", "0s"]);
    using _peer = await echoing(server);
    const { code, ms } = await after(server, "SIGTERM");
    expect(code).toBe(1);
    expect(ms).toBeLessThan(8000); // of 10 s for a drain
  });

  it("after which connections that have ended by themselves are no failure", async () => {
    await using server = await startServe(["--drain-timeout", "500ms", "--stats"]);
    using reset = await echoing(server);
    using halfClosed = await echoing(server);
    using finished = await echoing(server);
    server.kill("SIGTERM");
    await server.says(/Draining: 3/);
    reset.reset();
    await halfClosed.send("and this");
    halfClosed.end();
    finished.end();
    expect(await halfClosed.text(8)).toBe("and this");
    expect([(await halfClosed.readToEnd()).length, (await finished.readToEnd()).length])
      .toEqual([0, 0]);
    expect(await server.exit).toEqual({ code: 0, signal: null });
    const { active, connections_cut } = server.lastStats();
    expect({ active, connections_cut }).toEqual({ active: 0, connections_cut: 0 });
    expect(server.stderr()).not.toMatch(/Cut/);
  });

  for (const engine of ["readiness", "uring"]) {
    for (const timeout of ["0s", "300ms"]) {
      it(`--drain-timeout ${timeout}: what has come by then is answered first, on ${engine}`, async () => {
        const missing = engine === "uring" && engineMissing("uring");
        if (missing) return console.log(`not run: draining on io_uring: ${missing}`);
        const args = ["--drain-timeout", timeout, "--engine", engine];
        await using server = await startServe(args);
        using peer = await echoing(server);
        if (timeout !== "0s") {
          server.kill("SIGTERM");
          await server.says(/Draining: 1/);
        }
        await server.freeze();
        const sent = pattern(200_000);
        await peer.send(sent);
        peer.end();
        if (timeout === "0s") server.kill("SIGTERM");
        await sleep(500); // the deadline has passed, and all has arrived
        server.kill("SIGCONT");
        expectSameBytes(await peer.readToEnd(), sent);
        expect(await server.exit).toEqual({ code: 0, signal: null });
      });
    }
  }

  it("--drain-timeout ends while peers flood the server, all the same", async () => {
    await using server = await startServe(["--drain-timeout", "300ms"]);
    const peers = Array.from({ length: 4 }, () => Peer.dial(server));
    let over = false;
    const flood = peers.map(async (peer) => {
      while (!over) await peer.send("x".repeat(65536)).catch(() => over = true);
    });
    const answers = peers.map((peer) => peer.readToEnd().catch(() => {}));
    await sleep(100);
    const { code, ms } = await after(server, "SIGTERM");
    over = true;
    expect(code).toBe(1);
    expect(ms).toBeLessThan(8000);
    await Promise.all([...flood, ...answers]);
    for (const peer of peers) peer.reset();
  });

  it("while it drains, newcomers are refused and the statistics can be asked for", async () => {
    await using server = await startServe();
    using peer = await echoing(server);
    server.kill("SIGTERM");
    await server.says(/Draining/);
    expect(await until(() => dialError(server) === "ECONNREFUSED")).toBe(true);
    expect((await server.stats()).active).toBe(1);
    await peer.send("still served");
    expect(await peer.text(12)).toBe("still served");
    peer.reset();
    expect((await server.exit).code).toBe(0);
  });

  it("those who were waiting to be accepted are served, not reset", async () => {
    await using server = await startServe(["--drain-timeout", "3s"]);
    for (let round = 0; round < 20; round++) Peer.dial(server).reset();
    const peers = Array.from({ length: 20 }, () => Peer.dial(server));
    for (const peer of peers) await peer.send("hello");
    server.kill("SIGTERM");
    for (const peer of peers) {
      expect(await peer.text(5)).toBe("hello");
      peer.reset();
    }
    expect((await server.exit).code).toBe(0);
  });

  for (const [second, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
    it(`a second signal, ${second}: ends now with ${code}`, async () => {
      await using server = await startServe(["--workers", "2"]);
      using peer = await echoing(server);
      server.kill("SIGTERM");
      await server.says(/Draining/);
      if (second === "SIGTERM") await sleep(600); // sooner it would be the first one still
      const ended = await after(server, second);
      expect(ended.code).toBe(code);
      expect(ended.ms).toBeLessThan(8000);
      expect(await peer.isOver()).toBe(true);
    });
  }
});

describe("serve under load", () => {
  it("answers SIGUSR1 and ends on two SIGTERM", async () => {
    await using server = await startServe(["--service", "chargen"]);
    const peers = [Peer.dial(server), Peer.dial(server), Peer.dial(server)];
    let reading = true;
    const load = peers.map(async (peer) => {
      while (reading && !peer.ended) {
        await peer.read(500_000).catch(() => reading = false);
        await sleep(0); // else this process sees nothing but these clients
      }
    });
    await sleep(200);
    const start = performance.now();
    const stats = await server.stats();
    expect(performance.now() - start).toBeLessThan(8000);
    expect(stats.bytes_out).toBeGreaterThan(500_000);
    server.kill("SIGTERM");
    await server.says(/Draining: 3/, "stderr", 8000);
    await sleep(600);
    expect((await after(server, "SIGTERM")).ms).toBeLessThan(8000);
    reading = false;
    await Promise.all(load);
    for (const peer of peers) peer.reset();
  });
});

describe("serve and SIGUSR1", () => {
  it("prints the statistics as one line of JSON each time, while idle too", async () => {
    await using server = await startServe();
    for (let i = 1; i <= 3; i++) {
      const start = performance.now();
      await server.stats();
      expect(performance.now() - start).toBeLessThan(8000);
      expect(server.stdout().trimEnd().split("\n").length).toBe(1 + i);
    }
  });

  it("--stats at exit has exactly the keys of the contract, and the right numbers", async () => {
    await using server = await startServe(["--stats", "--service", "upper", "--selector", "poll"]);
    const one = await echoing(server);
    const two = Peer.dial(server);
    await two.send("hello");
    expect(await two.text(5)).toBe("HELLO");
    two.end();
    await two.readToEnd();
    one.reset();
    await server.statsWhen(({ active }) => active === 0);
    expect((await server.stop()).code).toBe(0);
    const stats = server.lastStats();
    expect(Object.keys(stats)).toEqual([
      ...["uptime_s", "selector", "workers", "accepted", "active", "peak", "rejected", "denied"],
      ...["closed", "bytes_in", "bytes_out", "handoffs", "leases_active", "wakeups", "events"],
      ...["spurious_wakeups", "accept_pauses", "max_buffered", "errors"],
      ...["worker_restarts", "connections_lost", "connections_cut"], // beside the contract's
    ]);
    const { uptime_s, wakeups, events, ...rest } = stats;
    expect(uptime_s).toBeGreaterThan(0);
    expect(uptime_s).toBeLessThan(60);
    expect(events).toBeGreaterThanOrEqual(5);
    expect(wakeups).toBeGreaterThan(0);
    expect(rest as unknown).toEqual({
      ...{ selector: "poll", workers: 1, accepted: 2, active: 0, peak: 2, rejected: 0, denied: 0 },
      ...{ closed: 2, bytes_in: 6, bytes_out: 6, handoffs: 0, leases_active: 0 },
      ...{ spurious_wakeups: 0, accept_pauses: 0, max_buffered: 0, errors: { ECONNRESET: 1 } },
      ...{ worker_restarts: 0, connections_lost: 0, connections_cut: 0 },
    });
  });
});
