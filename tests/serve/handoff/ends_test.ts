// serve --handler when things end badly: failures, deaths, leases that last too long, drain.
import { describe, expect, it } from "bun:test";
import { type RunningServer, startServe } from "../../support/cli.ts";
import { ask, handlerAt, startHandling } from "../../support/handoff.ts";
import { Peer } from "../../support/peers.ts";
import { sleep } from "../../support/waiting.ts";

/** One peer's connection is over, the other's is not, and the server answers a third. */
async function onlyOneSuffers(server: RunningServer, victim: Peer, witness: Peer): Promise<void> {
  expect(await victim.isOver(15_000)).toBe(true);
  victim.reset(); // what it has sent may be unread, and is discarded until it ends
  await witness.send("echo 3\nabc");
  expect(await witness.text(3)).toBe("abc");
  using third = Peer.dial(server);
  await ask(third, "bye", "bye");
  const stats = await server.statsWhen(({ active }) => active === 1);
  expect([stats.active, stats.leases_active]).toEqual([1, 0]);
}

describe("serve --handler, when a handler fails", () => {
  const failures: [command: string, log: RegExp][] = [
    [
      "throw",
      /\[warn\] The handler failed on 127\.0\.0\.1:\d+: Error: as it was told to \(.*commands\.ts:\d+:\d+\)/,
    ],
    ["what", /The handler failed on 127\.0\.0\.1:\d+: RangeError: Unknown command: "what"/],
    ["bare", /The handler failed on 127\.0\.0\.1:\d+: it threw an object\n/],
    ["trap", /The handler failed on 127\.0\.0\.1:\d+: it threw what can't be looked at\n/],
    ["exit", /\[error\] Handler worker \d died: it ended with code 7; another takes its place/],
    ["crash", /\[error\] Handler worker \d died: (Uncaught )?.*in the middle; another takes its/],
  ];
  for (const [command, log] of failures) {
    it(`${command}: its connection is closed, and no other`, async () => {
      const args = ["--handler-workers", "1", "--drain-timeout", "100ms"];
      await using server = await startHandling(args);
      using witness = Peer.dial(server);
      await ask(witness, "who", "1 1 1");
      for (let round = 0; round < 2; round++) {
        using victim = Peer.dial(server);
        await victim.send(`${command}\nbye\n`);
        await onlyOneSuffers(server, victim, witness);
      }
      await server.says(log);
      expect((await server.stop()).code).toBe(1); // the witness had to be cut
    });
  }

  it("a worker that dies while it is idle: nobody is closed, the next call finds another", async () => {
    await using server = await startHandling(["--handler-workers", "1"]);
    using peer = Peer.dial(server);
    await ask(peer, "late 50", "soon");
    await server.says(/Handler worker 1 died: .*too late to be caught/);
    await ask(peer, "who", "1 2 1");
  });

  it("descriptors: none is left behind by workers that die, or by handlers that close", async () => {
    await using server = await startHandling(["--handler-workers", "2"], { openFiles: 100 });
    for (let round = 0; round < 120; round++) {
      using peer = Peer.dial(server);
      if (round % 12 === 0) {
        await peer.send("exit\n");
        expect(await peer.isOver()).toBe(true);
      } else await ask(peer, "closed", "closed");
    }
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect([stats.active, stats.accept_pauses]).toEqual([0, 0]);
  });

  it("a peer that resets while it is handled: counted, and told at debug level only", async () => {
    await using server = await startHandling(["--log-level", "debug"]);
    const peer = Peer.dial(server);
    await peer.send("send 100000000\n");
    await peer.read(1000);
    peer.reset();
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats.active).toBe(0);
    expect(Object.keys(stats.errors).join()).toMatch(/^(ECONNRESET|EPIPE)$/);
    await server.says(/\[debug\] The handler failed on .*(ECONNRESET|EPIPE)/);
    expect(server.stderr()).not.toMatch(/\[warn\]/);
  });

  it("a reset while nobody has it: counted, without a call", async () => {
    await using server = await startHandling();
    const peer = Peer.dial(server);
    await ask(peer, "who", "1 1 1");
    peer.reset();
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect([stats.handoffs, stats.errors] as unknown).toEqual([1, { ECONNRESET: 1 }]);
  });
});

describe("serve --lease-timeout", () => {
  for (const command of ["hang", "block 20000", "wait 20000", "spin", "stuck"]) {
    it(`${command}: the connection is closed after that time, the worker serves again`, async () => {
      const args = ["--lease-timeout", "300ms", "--handler-workers", "1"];
      await using server = await startHandling(args);
      using witness = Peer.dial(server);
      await ask(witness, "who", "1 1 1");
      using victim = Peer.dial(server);
      await victim.send(`${command}\n`);
      const start = performance.now();
      expect(await victim.isOver(15_000)).toBe(true);
      victim.reset(); // what it has sent may be unread, and is discarded until it ends
      const ms = performance.now() - start;
      expect(ms).toBeGreaterThanOrEqual(280);
      expect(ms).toBeLessThan(12_000);
      await server.says(/The handler of 127\.0\.0\.1:\d+ took longer than the lease of 300 ms/);
      await onlyOneSuffers(server, victim, witness);
      if (command === "hang") expect(server.stderr()).not.toMatch(/another takes its place/);
      if (command === "spin" || command === "stuck") {
        await server.says(/Handler worker 1 does not end; another takes/);
      }
    });
  }

  it("a handler that is done in time is not touched", async () => {
    await using server = await startHandling(["--lease-timeout", "500ms"]);
    using peer = Peer.dial(server);
    for (let i = 1; i < 6; i++) {
      await ask(peer, "block 200", "blocked");
      await sleep(20);
    }
    expect(server.stderr()).toBe("");
  });
});

describe("serve --handler and SIGTERM", () => {
  it("waits for those who are out of the loop", async () => {
    await using server = await startHandling(["--drain-timeout", "5s", "--stats"]);
    using peer = Peer.dial(server);
    await peer.send("block 600\nbye\n");
    await server.statsWhen(({ leases_active }) => leases_active === 1);
    server.kill("SIGTERM");
    await server.says(/Draining: 1 connection/);
    expect(new TextDecoder().decode(await peer.readToEnd())).toBe("blocked\nbye\n");
    expect(await server.exit).toEqual({ code: 0, signal: null });
    expect(server.lastStats().handoffs).toBe(2);
  });

  for (const command of ["hang", "block 20000", "wait 20000", "spin", "stuck"]) {
    it(`${command}: cut after --drain-timeout, 1`, async () => {
      await using server = await startHandling(["--drain-timeout", "300ms", "--stats"]);
      using peer = Peer.dial(server);
      using other = Peer.dial(server);
      await peer.send(`${command}\n`);
      await other.send(`${command}\n`);
      await server.statsWhen(({ leases_active }) => leases_active === 2);
      const start = performance.now();
      server.kill("SIGTERM");
      expect((await server.exit).code).toBe(1);
      const ms = performance.now() - start;
      expect(ms).toBeGreaterThanOrEqual(290);
      expect(ms).toBeLessThan(12_000);
      expect(await peer.isOver()).toBe(true);
      await server.says(/Cut 2 connections/);
      const { active, leases_active, closed } = server.lastStats();
      expect([active, leases_active, closed]).toEqual([0, 0, 2]);
    });
  }

  it("a second signal ends it now, whatever the handlers do", async () => {
    await using server = await startHandling();
    using peer = Peer.dial(server);
    await peer.send("spin\n");
    await server.statsWhen(({ leases_active }) => leases_active === 1);
    server.kill("SIGTERM");
    await server.says(/Draining/);
    const start = performance.now();
    await server.killAgain("SIGTERM");
    expect((await server.exit).code).toBe(143);
    expect(performance.now() - start).toBeLessThan(8000); // of 10 s for a drain
  });

  it("a server whose handler is idle ends at once", async () => {
    await using server = await startServe(["--handler", handlerAt("commands.ts")]);
    const start = performance.now();
    expect((await server.stop()).code).toBe(0);
    expect(performance.now() - start).toBeLessThan(8000);
  });
});
