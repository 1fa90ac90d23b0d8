// --max-connections, the limit of open files, and FD_SETSIZE.
import { describe, expect, it } from "bun:test";
import { raiseOpenFileLimit } from "../../lib/sys/process/limits.ts";
import { readProc, type RunningServer, startServe } from "../support/cli.ts";
import { exchange, Peer } from "../support/peers.ts";
import { Program } from "../support/programs.ts";
import { itUnless } from "../support/systems.ts";
import { sleep, until } from "../support/waiting.ts";

/** A peer that has been answered, so that the server has certainly admitted it. */
async function admitted(server: RunningServer): Promise<Peer> {
  const peer = Peer.dial(server);
  await peer.send("?");
  expect(await peer.text(1)).toBe("?");
  return peer;
}

/** CPU time of a process so far, in milliseconds. */
function cpuMs(pid: number): number {
  const fields = readProc(`${pid}/stat`).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // user and system, in ticks of 1/100 s
}

const warnings = (server: RunningServer) =>
  server.stderr().split("\n").filter((line) => /\[warn\]/.test(line));

describe("serve --max-connections", () => {
  for (const workers of [1, 2]) {
    it(`with ${workers} worker(s): more are closed at once and counted, a freed place is used`, async () => {
      const args = ["--max-connections", "3", "--workers", `${workers}`];
      await using server = await startServe(args);
      const peers = [await admitted(server), await admitted(server), await admitted(server)];
      for (let i = 0; i < 5; i++) {
        using refused = Peer.dial(server);
        expect(await refused.isOver()).toBe(true);
      }
      let stats = await server.stats();
      expect([stats.accepted, stats.active, stats.peak, stats.rejected]).toEqual([8, 3, 3, 5]);
      expect(stats.errors).toEqual({});
      await peers[1]!.send("still served");
      expect(await peers[1]!.text(12)).toBe("still served");

      peers[0]!.end();
      await peers[0]!.readToEnd();
      await server.statsWhen(({ active }) => active === 2);
      using next = await admitted(server);
      stats = await server.stats();
      expect([stats.active, stats.peak, stats.rejected, stats.closed]).toEqual([3, 3, 5, 1]);
      next.reset();
      for (const peer of peers) peer.reset();
    });
  }

  it("defaults to what fits below the limit of open files", async () => {
    await using server = await startServe(["--log-level", "debug"], { openFiles: 200 });
    expect(Number((await server.says(/at most (\d+) connections/))[1])).toBe(150);
  });
});

describe("serve without descriptors", () => {
  it("pauses, says so once, uses no CPU, and goes on at once when a connection closes", async () => {
    await using server = await startServe(["--max-connections", "1000"], { openFiles: 120 });
    const peers: Peer[] = [];
    for (let i = 0; i < 110; i++) peers.push(Peer.dial(server));
    await server.says(/EMFILE/);
    const before = await server.stats();
    expect(before.active).toBeGreaterThan(55); // more than half of all
    expect(before.active).toBeLessThan(110);
    expect(before.accept_pauses).toBe(1);
    expect(before.errors.EMFILE).toBeGreaterThan(0);
    const cpu = cpuMs(server.pid);
    await sleep(600);
    expect(cpuMs(server.pid) - cpu).toBeLessThan(200);

    // The kernel accepts in order, so the first that is not served yet is known.
    const waiting = peers[before.active]!;
    await waiting.send("?");
    const start = performance.now();
    peers[0]!.reset();
    expect(await waiting.text(1)).toBe("?");
    expect(performance.now() - start).toBeLessThan(10_000);
    // Places for all who wait, and some to spare: the runtime may open descriptors of its own.
    for (const peer of peers.slice(1, 130 - before.active)) peer.reset();
    await server.statsWhen(({ accepted }) => accepted === 110);
    expect((await server.stats()).accepted).toBe(110);
    const lines = warnings(server);
    expect(lines.length).toBe(1);
    expect(lines[0]).toMatch(/Cannot accept a connection: EMFILE .*ulimit -n/);
    expect(lines[0]).toMatch(/open files: 120\b/);
    for (const peer of peers) peer.reset();
    await server.statsWhen(({ active }) => active === 0);
    expect(new TextDecoder().decode(await exchange(server, "fine again"))).toBe("fine again");
  });
});

describe("serve with more than 1024 connections", () => {
  const COUNT = 1100;
  raiseOpenFileLimit();

  for (const selector of ["poll", "epoll"]) {
    it(`--selector ${selector} serves ${COUNT}`, async () => {
      await using server = await startServe(["--selector", selector]);
      const peers = Array.from({ length: COUNT }, () => Peer.dial(server));
      for (const [i, peer] of peers.entries()) peer.trySend(new TextEncoder().encode(`${i};`));
      for (const [i, peer] of peers.entries()) {
        expect(await peer.text(`${i};`.length)).toBe(`${i};`);
      }
      expect((await server.stats()).active).toBe(COUNT);
      for (const peer of peers) peer.reset();
    });
  }

  it("--selector select stays below FD_SETSIZE by itself", async () => {
    await using server = await startServe(["--selector", "select"]);
    const peers = Array.from({ length: COUNT }, () => Peer.dial(server));
    const stats = await server.statsWhen(({ accepted }) => accepted === COUNT);
    expect(stats.active).toBeLessThan(1000);
    expect(stats.active + stats.rejected).toBe(COUNT);
    expect(stats.errors).toEqual({});
    for (const peer of peers) peer.reset();
  });

  it("--selector select with a higher --max-connections closes what it can't watch, and lives", async () => {
    await using server = await startServe(["--selector", "select", "--max-connections", "5000"]);
    using first = await admitted(server);
    const peers = Array.from({ length: COUNT }, () => Peer.dial(server));
    await until(() => /FD_SETSIZE/.test(server.stderr()));
    // A snapshot may have a connection that is closed before its error.
    const stats = await server.statsWhen(({ active, closed, errors }) =>
      active + closed === COUNT + 1 && errors.EMFILE === closed
    );
    expect(stats.active).toBeGreaterThan(900);
    expect(stats.errors.EMFILE).toBe(stats.closed);
    expect(stats.active + stats.closed).toBe(COUNT + 1);
    expect(await peers.at(-1)!.isOver()).toBe(true);
    const lines = warnings(server);
    expect(lines.length).toBe(1);
    expect(lines[0]).toMatch(/FD_SETSIZE is 1024; poll and epoll have no such limit/);
    await first.send("still served");
    expect(await first.text(12)).toBe("still served");
    for (const peer of peers) peer.reset();
    await server.statsWhen(({ active }) => active === 1);
    expect(new TextDecoder().decode(await exchange(server, "room again"))).toBe("room again");
    first.reset();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });
});

const NO_ABSTRACT = process.platform === "linux" ? undefined : "only Linux has abstract names";

describe("listening for three workers with too few descriptors", () => {
  itUnless(NO_ABSTRACT, "leaves no socket open", async () => {
    const program = new Program("few_descriptors.ts", ["listeners"]);
    const seen = JSON.parse(await program.line());
    await program.ended;
    expect(seen).toEqual([false, false, false, true].map((made) => ({ made, leaked: 0 })));
  });
});
