// serve --delay, --bandwidth, --slice: every byte arrives, but late, slowly, or in pieces.
import { describe, expect, it } from "bun:test";
import { startServe } from "../../support/cli.ts";
import { expectSameBytes, pattern } from "../../support/engines.ts";
import { exchange, Peer } from "../../support/peers.ts";
import { sleep } from "../../support/waiting.ts";

describe("serve --delay", () => {
  it("holds each answer back for that long, and not the one behind it for longer", async () => {
    await using server = await startServe(["--delay", "200ms"]);
    using peer = Peer.dial(server);
    let least = Infinity; // of some tries, as a busy machine may be late
    for (let tries = 0; tries < 20 && least >= 780; tries++) {
      const sent: number[] = [], came: number[] = [];
      const reading = (async () => {
        for (let i = 0; i < 4; i++) {
          expect(await peer.text(1)).toBe("x");
          came.push(performance.now());
        }
      })();
      for (let i = 0; i < 4; i++) {
        sent.push(performance.now());
        await peer.send("x");
        await sleep(60);
      }
      await reading;
      for (const [i, at] of came.entries()) expect(at - sent[i]!).toBeGreaterThanOrEqual(200);
      least = Math.min(least, came[3]! - sent[0]!);
    }
    expect(least).toBeLessThan(780); // one after the other they would take 800 ms
  });

  it("holds FIN back as well", async () => {
    await using server = await startServe(["--delay", "150ms"]);
    using peer = Peer.dial(server);
    const start = performance.now();
    peer.end();
    expect((await peer.readToEnd()).length).toBe(0);
    expect(performance.now() - start).toBeGreaterThanOrEqual(150);
  });

  it("DUR±DUR: varies by up to that much, and keeps the order", async () => {
    await using server = await startServe(["--delay", "25ms±20ms", "--seed", "1"]);
    using peer = Peer.dial(server);
    const took: number[] = [];
    const isVaried = () => Math.min(...took) < 25 && Math.max(...took) >= 30;
    for (let i = 0; i < 25 || (i < 500 && !isVaried()); i++) { // a busy machine may be late
      const start = performance.now();
      await peer.send("?");
      expect(await peer.text(1)).toBe("?");
      took.push(performance.now() - start);
    }
    expect(Math.min(...took)).toBeGreaterThanOrEqual(5);
    expect(isVaried()).toBe(true);
    const sent = pattern(20_000);
    const sending = (async () => {
      for (let at = 0; at < sent.length; at += 400) {
        await peer.send(sent.subarray(at, at + 400));
        await sleep(1);
      }
      peer.end();
    })();
    expectSameBytes(await peer.readToEnd(), sent);
    await sending;
  });

  it("can be written +- and come from the environment", async () => {
    await using server = await startServe([], { env: { IOMUX_SERVE_DELAY: "90ms+-10ms" } });
    const start = performance.now();
    expect((await exchange(server, "hello")).length).toBe(5);
    expect(performance.now() - start).toBeGreaterThanOrEqual(80);
    expect(server.stderr()).toMatch(
      /Faults on 100 % of connections: delay 90.0 ms ± 10.0 ms; --seed/,
    );
  });

  it("with much more than --max-buffer: every byte arrives", async () => {
    await using server = await startServe(["--delay", "5ms±5ms", "--max-buffer", "64KiB"]);
    const sent = pattern(1_500_000);
    expectSameBytes(await exchange(server, sent), sent);
  });

  it("holds a greeting and an endless answer back, too", async () => {
    await using daytime = await startServe(["--service", "daytime", "--delay", "100ms"]);
    const start = performance.now();
    using peer = Peer.dial(daytime);
    expect((await peer.readToEnd()).length).toBeGreaterThan(20);
    expect(performance.now() - start).toBeGreaterThanOrEqual(100);

    await using chargen = await startServe(["--service", "chargen", "--delay", "20ms"]);
    using reader = Peer.dial(chargen);
    const [a, b] = [await reader.read(74 * 95 * 30), await reader.read(74 * 95)];
    expectSameBytes(a.subarray(0, 74 * 95), b);
  });
});

describe("serve --bandwidth", () => {
  it("sends no faster, from the first byte to the last", async () => {
    await using server = await startServe(["--bandwidth", "200KB/s"]);
    const sent = pattern(100_000);
    let isFlow = false; // in one of some tries, as a busy machine may be late
    for (let tries = 0; tries < 10 && !isFlow; tries++) {
      using peer = Peer.dial(server);
      const start = performance.now();
      await peer.send(sent);
      const arrived: number[] = [];
      for (let i = 0; i < 10; i++) {
        expectSameBytes(await peer.read(10_000), sent.subarray(i * 10_000, (i + 1) * 10_000));
        arrived.push(performance.now() - start);
      }
      // A tenth takes 50 ms: it is a flow, not a burst every second.
      for (const [i, ms] of arrived.entries()) expect(ms).toBeGreaterThanOrEqual(50 * (i + 1));
      isFlow = arrived[0]! < arrived[9]! / 2 && arrived[9]! < 2000;
    }
    expect(isFlow).toBe(true);
  });

  it("does not save up what was not used", async () => {
    await using server = await startServe(["--bandwidth", "100KB"]);
    using peer = Peer.dial(server);
    await sleep(400);
    const start = performance.now();
    await peer.send(pattern(20_000));
    await peer.read(20_000);
    expect(performance.now() - start).toBeGreaterThanOrEqual(200);
  });

  it("of a few bytes a second sends byte by byte", async () => {
    await using server = await startServe(["--bandwidth", "20"]);
    let least = Infinity; // of some tries, as a busy machine may be late
    for (let tries = 0; tries < 5 && least >= 330; tries++) {
      using peer = Peer.dial(server);
      const start = performance.now();
      await peer.send("1234567");
      expect(await peer.text(2)).toBe("12");
      least = Math.min(least, performance.now() - start);
      expect(await peer.text(5)).toBe("34567");
      expect(performance.now() - start).toBeGreaterThanOrEqual(350);
    }
    expect(least).toBeLessThan(330); // and not once all of them may go
  });

  it("is each connection's own", async () => {
    await using server = await startServe(["--bandwidth", "100KB/s"]);
    const sent = pattern(40_000);
    let least = Infinity; // of some tries, as a busy machine may be late
    for (let tries = 0; tries < 10 && least >= 1600; tries++) {
      const start = performance.now();
      const all = await Promise.all([1, 2, 3, 4].map(() => exchange(server, sent)));
      const ms = performance.now() - start;
      for (const answer of all) expectSameBytes(answer, sent);
      expect(ms).toBeGreaterThanOrEqual(400);
      least = Math.min(least, ms);
    }
    expect(least).toBeLessThan(1600); // what they would take together
  });
});

describe("serve --slice", () => {
  it("sends pieces of at most that many bytes, with time between them", async () => {
    await using server = await startServe(["--slice", "100", "--trace"]);
    using peer = Peer.dial(server);
    const sent = pattern(1030);
    const start = performance.now();
    await peer.send(sent);
    expectSameBytes(await peer.read(1030), sent);
    expect(performance.now() - start).toBeGreaterThanOrEqual(10);
    const pieces = () => [...server.stderr().matchAll(/sent (\d+) bytes to/g)].map((m) => m[1]);
    await server.says(/sent 30 bytes to/);
    expect(pieces()).toEqual([...Array.from({ length: 10 }, () => "100"), "30"]);
  });

  it("each piece comes alone", async () => {
    await using server = await startServe(["--slice", "7B"]);
    const buffer = new Uint8Array(new ArrayBuffer(1000));
    let most = 0; // of some tries, as a busy machine lets us see several at once
    for (let tries = 0; tries < 20 && most < 4; tries++) {
      using peer = Peer.dial(server);
      await peer.send(pattern(70));
      peer.socket.setBlocking(true);
      peer.socket.setTimeouts({ recvMs: 20_000 });
      const reads: number[] = [];
      for (let got = 0; got < 70; got += reads.at(-1)!) reads.push(peer.socket.recv(buffer));
      for (const length of reads) expect(length % 7).toBe(0);
      most = Math.max(most, reads.length);
    }
    expect(most).toBeGreaterThanOrEqual(4);
  });

  it("every byte of much arrives", async () => {
    await using server = await startServe(["--slice", "10KB"]);
    const sent = pattern(2_000_003);
    expectSameBytes(await exchange(server, sent), sent);
  });
});
