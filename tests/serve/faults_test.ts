// Peers and streams that break: the server lives, and counts.
import { describe, expect, it } from "bun:test";
import { startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { handlerAt } from "../support/handoff.ts";
import { exchange, Peer } from "../support/peers.ts";
import { sleep } from "../support/waiting.ts";

describe("serve and clients that reset", () => {
  it("at any moment of an exchange: the server lives and counts by code", async () => {
    await using server = await startServe();
    const big = pattern(300_000);
    const moments: ((peer: Peer) => Promise<unknown> | void)[] = [
      () => {}, //                                       before anything
      (peer) => peer.send("x"), //                       before the answer is read
      async (peer) => (await peer.send("xyz"), await peer.text(1)), // with an unread rest
      (peer) => void peer.trySend(big), //               in the middle of a stream
      async (peer) => void await peer.flood(big, 50), // with queues full on both sides
      async (peer) => (await peer.send("x"), peer.end()), // after FIN
      (peer) => peer.end(),
      () => sleep(5),
    ];
    for (let round = 0; round < 3; round++) {
      for (const moment of moments) {
        using peer = Peer.dial(server);
        await moment(peer);
        peer.reset();
      }
    }
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect([stats.active, stats.accepted, stats.closed]).toEqual([0, 24, 24]);
    for (const code of Object.keys(stats.errors)) {
      expect(["ECONNRESET", "EPIPE"].includes(code)).toBe(true);
    }
    expect(stats.errors.ECONNRESET).toBeGreaterThan(5);
    expect((await exchange(server, "alive")).length).toBe(5);
    expect(server.stderr()).toBe("");
  });

  /** A seeded generator: a failure can be run again. */
  const generator = (seed: number) => (from: number, to: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return from + (seed >>> 8) % (to - from + 1);
  };

  it("a hammer: random sends, pauses, half-closes and resets, all answers verified", async () => {
    await using server = await startServe(["--max-buffer", "100KB", "--workers", "2"]);
    const until = performance.now() + 2000;
    let exchanges = 0;
    const client = async (seed: number) => {
      const random = generator(seed);
      while (performance.now() < until) {
        using peer = Peer.dial(server);
        const sent = pattern(random(0, 150_000), seed + exchanges);
        const stopAt = random(0, 3) === 0 ? random(0, sent.length) : Infinity;
        const sending = (async () => {
          for (let at = 0; at < sent.length;) {
            const size = random(1, 40_000);
            await peer.send(sent.subarray(at, at + size));
            at += size;
            if (random(0, 4) === 0) await sleep(random(0, 3));
          }
          peer.end();
        })().catch(() => {}); // it may be reset meanwhile
        const answer = await peer.read(Math.min(stopAt, sent.length));
        expectSameBytes(answer, sent.subarray(0, Math.min(stopAt, sent.length)));
        if (stopAt === Infinity) {
          expect((await peer.readToEnd()).length).toBe(0);
          await sending;
        }
        exchanges++;
        peer.reset();
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, i) => client(i + 1)));
    expect(exchanges).toBeGreaterThan(50);
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect([stats.active, stats.closed]).toEqual([0, stats.accepted]);
    expect(stats.accepted).toBe(exchanges);
    expect(stats.max_buffered).toBeLessThanOrEqual(100_000);
    expect((await server.stop()).code).toBe(0);
  });
});

describe("serve with broken standard streams", () => {
  it("stdout that nobody reads any more: statistics are lost, the server lives", async () => {
    await using server = await startServe();
    server.child.stdout!.destroy();
    await sleep(50);
    for (let i = 0; i < 3; i++) server.kill("SIGUSR1");
    await sleep(100);
    expect((await exchange(server, "alive")).length).toBe(5);
    server.kill("SIGTERM");
    expect((await server.exit).code).toBe(0);
  });

  it("stderr that nobody reads any more: the server lives, with --trace too", async () => {
    await using server = await startServe(["--trace", "--stats"]);
    server.child.stderr!.destroy();
    await sleep(50);
    for (let i = 0; i < 3; i++) expect((await exchange(server, "alive")).length).toBe(5);
    expect((await server.stop()).code).toBe(0);
    expect(server.lastStats().closed).toBe(3);
  });

  it("stderr that is full and not read: --trace waits or drops, but nothing is lost or broken", async () => {
    await using server = await startServe(["--trace"]);
    server.child.stderr!.pause();
    const data = pattern(100_000);
    const answer = exchange(server, data);
    await sleep(300);
    server.child.stderr!.resume();
    expectSameBytes(await answer, data);
    expect((await server.stop()).code).toBe(0);
  });
});

describe("a peer that has reset before it is accepted", () => {
  const cases: [what: string, args: string[], says: RegExp][] = [
    ["trace", ["--trace"], /new connection from 127\.0\.0\.1:\d+\n[^]*127\.0\.0\.1:\d+ failed/],
    ["a handler", ["--handler", handlerAt("remote.ts")], /it is 127\.0\.0\.1:\d+/],
    ["a program", ["--exec", "sh -c 'echo it is $TCPREMOTEIP >&2'"], /it is 127\.0\.0\.1\n/],
  ];
  for (const [what, args, says] of cases) {
    it(`is known by its address to ${what}`, async () => {
      await using server = await startServe(["-p", "0", "-H", "127.0.0.1", ...args]);
      await server.freeze();
      const peer = Peer.dial(server);
      await peer.send("hello\n");
      peer.reset();
      server.kill("SIGCONT");
      await server.says(says);
    });
  }
});
