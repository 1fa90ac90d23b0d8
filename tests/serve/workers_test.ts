// A worker thread that dies: told, replaced, counted; its connections are lost, its listener is not.
import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { type RunningServer, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { dialError, exchange, Peer } from "../support/peers.ts";

/** Kills the worker that receives it. */
const POISON = "die, worker";
const poisoned = { program: "serve_poisoned.ts" };

const text = async (...to: Parameters<typeof exchange>) =>
  new TextDecoder().decode(await exchange(...to));

async function admitted(to: Parameters<typeof Peer.dial>[0]): Promise<Peer> {
  const peer = Peer.dial(to);
  await peer.send("?");
  expect(await peer.text(1)).toBe("?");
  return peer;
}

/** Kills a worker, and waits until its successor is counted. */
async function poison(server: RunningServer, to: Parameters<typeof Peer.dial>[0] = server) {
  const { worker_restarts } = await server.stats();
  using peer = Peer.dial(to);
  await peer.send(POISON);
  expect(await peer.isOver()).toBe(true);
  const stats = await server.statsWhen((now) => now.worker_restarts > worker_restarts);
  expect(stats.worker_restarts).toBe(worker_restarts + 1);
  return stats;
}

describe("serve and a worker that dies", () => {
  for (const selector of ["epoll", "poll"]) {
    it(`--selector ${selector}: told by name and cause, replaced, its connections closed and counted`, async () => {
      await using server = await startServe(["--selector", selector, "--stats"], poisoned);
      const peers = [await admitted(server), await admitted(server), await admitted(server)];
      const stats = await poison(server);
      for (const peer of peers) {
        expect(await peer.isOver()).toBe(true);
        peer.reset();
      }
      expect([stats.active, stats.accepted, stats.closed, stats.connections_lost])
        .toEqual([0, 4, 4, 4]);
      expect(stats.bytes_in).toBe(3 + POISON.length); // what it had counted is not lost
      expect(server.stderr()).toMatch(
        /\[error\] Worker 1 died: poisoned by a test; .*another takes its place/,
      );
      expect(await text(server, "served again")).toBe("served again");
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      expect([server.lastStats().accepted, server.lastStats().worker_restarts]).toEqual([5, 1]);
    });
  }

  it("who waits to be accepted meanwhile is served by the successor, not reset", async () => {
    await using server = await startServe([], poisoned);
    const killer = Peer.dial(server);
    await killer.send(POISON);
    const waiting = Array.from({ length: 30 }, () => Peer.dial(server));
    for (const peer of waiting) await peer.send("hello");
    let served = 0;
    for (const peer of waiting) {
      // Those whom the dying worker had accepted already share its fate.
      served += await peer.text(5).then((answer) => answer === "hello" ? 1 : 0, () => 0);
      peer.reset();
    }
    killer.reset();
    const stats = await server.statsWhen((now) => now.active === 0 && now.worker_restarts === 1);
    expect(stats.connections_lost + served).toBe(31);
    expect(stats.accepted).toBe(31);
  });

  it("of two workers the other goes on, with its connections", async () => {
    await using server = await startServe(["--workers", "2"], poisoned);
    const peers = await Promise.all(Array.from({ length: 40 }, () => admitted(server)));
    const { active, connections_lost } = await poison(server);
    expect(connections_lost).toBeGreaterThan(1);
    expect(connections_lost).toBeLessThan(41);
    expect(active).toBe(41 - connections_lost);
    let alive = 0;
    for (const peer of peers) {
      try {
        await peer.send("still there?");
        alive += (await peer.text(12)) === "still there?" ? 1 : 0;
      } catch {
        // It was with the worker that died.
      }
    }
    expect(alive).toBe(active);
    // Both listen: connections of many ports are spread over both, and all are answered.
    for (let i = 0; i < 40; i++) expect(await text(server, "hello")).toBe("hello");
    for (const peer of peers) peer.reset();
    expect((await server.statsWhen((stats) => stats.active === 0)).active).toBe(0);
  });

  it("a place that it took under --max-connections and --max-per-address is free again", async () => {
    const args = ["--max-connections", "3", "--max-per-address", "3"];
    await using server = await startServe(args, poisoned);
    for (let round = 0; round < 2; round++) {
      using _one = await admitted(server);
      using _two = await admitted(server);
      await poison(server);
    }
    const peers = [await admitted(server), await admitted(server), await admitted(server)];
    for (const peer of peers) peer.reset();
  });

  it("on a Unix socket: the file stays, and is removed at the end", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    await using server = await startServe(["--unix", path], poisoned);
    await poison(server, { path });
    expect(await text({ path }, "hello")).toBe("hello");
    expect((await server.stop()).code).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it("while it drains: no successor, the connections count as cut, exit 1", async () => {
    await using server = await startServe(["--stats"], poisoned);
    using peer = await admitted(server);
    server.kill("SIGTERM");
    await server.says(/Draining/);
    await peer.send(POISON);
    expect(await server.exit).toEqual({ code: 1, signal: null });
    expect(server.stderr()).toMatch(/Cut 1 connection/);
    expect(server.lastStats().worker_restarts).toBe(0);
  });

  it("again and again at once: given up, exit 1, one line says why", async () => {
    await using server = await startServe(["--workers", "2"], poisoned);
    const { port } = server;
    for (let listens = true; listens;) {
      try {
        using peer = Peer.dial({ port });
        await peer.send(POISON);
        await peer.isOver();
      } catch (error) { // it was reset before it had sent that, or nobody listens any more
        listens = (error as { code: string }).code !== "ECONNREFUSED";
      }
    }
    expect(await server.exit).toEqual({ code: 1, signal: null });
    const said = server.stderr().trimEnd().split("\n");
    expect(said.at(-1)).toMatch(
      /^iomux: Worker [12] died 5 times within 10 s, the last time of this: poisoned by a test$/,
    );
    expect(said.filter((line) => /\[error\] Worker/.test(line)).length).toBeGreaterThanOrEqual(4);
    expect(dialError({ port })).toBe("ECONNREFUSED");
  });
});
