// serve --reset-after, --close-after, --blackhole: answers that end too early, or never come.
import { describe, expect, it } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServe } from "../../support/cli.ts";
import { expectSameBytes, pattern } from "../../support/engines.ts";
import { readToAnyEnd } from "../../support/faulty.ts";
import { exchange, Peer } from "../../support/peers.ts";
import { sleep, until } from "../../support/waiting.ts";

describe("serve --reset-after", () => {
  for (const size of [1, 4321, 100_000]) {
    it(`${size}: exactly so many bytes, then a reset`, async () => {
      await using server = await startServe(["--reset-after", `${size}B`]);
      using peer = Peer.dial(server);
      const sent = pattern(150_000);
      peer.trySend(sent);
      const { bytes, how } = await readToAnyEnd(peer);
      expect(how).toBe("ECONNRESET");
      expectSameBytes(bytes, sent.subarray(0, size));
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect([stats.active, stats.closed, stats.bytes_out]).toEqual([0, 1, size]);
    });
  }

  it("counts over all answers of a connection, and each connection by itself", async () => {
    await using server = await startServe(["--reset-after", "10"]);
    for (let round = 0; round < 2; round++) {
      using peer = Peer.dial(server);
      for (const word of ["abc", "def", "ghi"]) {
        await peer.send(word);
        expect(await peer.text(3)).toBe(word);
      }
      await peer.send("jkl");
      const { bytes, how } = await readToAnyEnd(peer);
      expect([new TextDecoder().decode(bytes), how]).toEqual(["j", "ECONNRESET"]);
    }
  });

  it("does not reset before a slow reader has all of it", async () => {
    await using server = await startServe(["--reset-after", "6MB", "--max-buffer", "16MiB"]);
    using peer = Peer.dial(server);
    const chunk = pattern(100_003);
    const sending = peer.flood(chunk, 400, 8_000_000).catch(() => {}); // reset meanwhile
    await sleep(300);
    let got = 0;
    let how = "";
    while (how === "" && got < 7_000_000) {
      try {
        got += peer.tryRead().length;
        if (got % 3 === 0) await sleep(1);
      } catch (error) {
        how = (error as { code: string }).code;
      }
    }
    expect([got, how]).toEqual([6_000_000, "ECONNRESET"]);
    await sending;
  });

  it("0: at once, before any answer", async () => {
    await using server = await startServe(["--reset-after", "0"]);
    for (let i = 0; i < 3; i++) {
      let dialed: Peer;
      try {
        dialed = Peer.dial(server);
      } catch (error) {
        expect((error as { code: string }).code).toBe("ECONNRESET"); // before the client could look
        continue;
      }
      using peer = dialed;
      expect((await readToAnyEnd(peer)).how).toBe("ECONNRESET");
    }
  });

  it("of more than the answer: the connection ends as ever", async () => {
    await using server = await startServe(["--reset-after", "6"]);
    expect((await exchange(server, "hello")).length).toBe(5);
  });
});

describe("serve --close-after", () => {
  for (const size of [1, 5000, 70_000]) {
    it(`${size}: exactly so many bytes, then FIN, though the client sends on`, async () => {
      await using server = await startServe(["--close-after", `${size}`]);
      using peer = Peer.dial(server);
      const chunk = pattern(150_000);
      const start = performance.now();
      const sending = peer.flood(chunk, 200, 40_000_000).catch(() => {});
      const { bytes, how, ms } = await readToAnyEnd(peer);
      expect(how).toBe("FIN");
      expectSameBytes(bytes, chunk.subarray(0, size));
      expect(ms).toBeLessThan(20_000);
      await sending;
      // Nobody is kept for ever who does not close as well.
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect([stats.active, stats.closed, stats.bytes_out]).toEqual([0, 1, size]);
      expect(performance.now() - start).toBeGreaterThanOrEqual(900);
    });
  }

  it("closes at once when the client does", async () => {
    await using server = await startServe(["--close-after", "3"]);
    let least = Infinity; // of some tries, as a busy machine may be late
    for (let tries = 0; tries < 20 && least >= 900; tries++) {
      const start = performance.now();
      expectSameBytes(await exchange(server, "hello"), new TextEncoder().encode("hel"));
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect(stats.active).toBe(0);
      least = Math.min(least, performance.now() - start);
    }
    expect(least).toBeLessThan(900); // which it waits for a client that does not close
  });

  it("0: at once, before any answer", async () => {
    await using server = await startServe(["--close-after", "0", "--service", "daytime"]);
    expect((await exchange(server, "")).length).toBe(0);
  });

  it("ends an endless answer, on a Unix socket too", async () => {
    const dir = mkdtempSync(join(tmpdir(), "iomux-"));
    try {
      const path = join(dir, "s");
      await using server = await startServe([
        ...["--unix", path, "--service", "chargen", "--close-after", "100001"],
      ]);
      using peer = Peer.dial({ path });
      expect((await peer.readToEnd()).length).toBe(100_001);
      expect(server.name).toBe(`unix:${path}`);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("with --reset-after: the smaller one counts", async () => {
    for (const [close, reset, how] of [["9", "7", "ECONNRESET"], ["7", "9", "FIN"]] as const) {
      await using server = await startServe(["--close-after", close, "--reset-after", reset]);
      using peer = Peer.dial(server);
      await peer.send("0123456789");
      const ending = await readToAnyEnd(peer);
      expect([ending.bytes.length, ending.how]).toEqual([7, how]);
    }
  });
});

describe("serve that cuts off a client that reads slowly", () => {
  // More than the kernel takes: the rest is still queued when the connection is cut off. A reset has to
  // wait also for what the kernel has.
  const cuts = [["--close-after", "FIN", 5_000_000], ["--reset-after", "ECONNRESET", 2_000_000]];
  for (const [option, how, size] of cuts as [string, string, number][]) {
    it(`${option}: all bytes before the cut arrive, however long they take`, async () => {
      await using server = await startServe([option, `${size}`, "--max-buffer", "32MiB"]);
      using peer = Peer.dial(server);
      peer.socket.setBuffers({ recvBytes: 32_768 });
      const sending = peer.flood(pattern(100_003), 400, size + 1_000_000).catch(() => {});
      await server.statsWhen(({ bytes_in }) => bytes_in >= size);
      const piece = new Uint8Array(new ArrayBuffer(50_000));
      let got = 0;
      // Longer than the second that follows the cut, and always less than one without a byte.
      for (const end = performance.now() + 1800; performance.now() < end; await sleep(100)) {
        got += Math.max(0, peer.socket.recv(piece));
      }
      const { bytes, how: ending } = await readToAnyEnd(peer);
      expect([got + bytes.length, ending]).toEqual([size, how]);
      await sending;
      await server.statsWhen(({ active }) => active === 0);
    });
  }
});

describe("serve --blackhole", () => {
  it("has nothing to finish: SIGTERM ends it at once, and that is no cut", async () => {
    await using server = await startServe(["--blackhole", "--drain-timeout", "40s"]);
    using peer = Peer.dial(server);
    await peer.send("never answered");
    await server.statsWhen((stats) => stats.bytes_in === 14);
    expect(await server.stop(30_000)).toEqual({ code: 0, signal: null });
  });

  it("reads everything, answers nothing, and does not answer FIN", async () => {
    await using server = await startServe(["--blackhole", "--fin-timeout", "1s"]);
    using peer = Peer.dial(server);
    await peer.send(pattern(5_000_000));
    const start = performance.now();
    peer.end();
    expect((await readToAnyEnd(peer, 500)).how).toBe("open");
    const stats = await server.statsWhen(({ bytes_in }) => bytes_in === 5_000_000);
    expect([stats.bytes_in, stats.bytes_out, stats.active]).toEqual([5_000_000, 0, 1]);
    expect(await peer.isOver()).toBe(true); // --fin-timeout
    expect(performance.now() - start).toBeGreaterThanOrEqual(900);
  });

  it("an endless answer does not keep the server busy", async () => {
    await using server = await startServe(["--blackhole", "--service", "chargen"]);
    using peer = Peer.dial(server);
    expect(await until(() => peer.tryRead().length > 0, 200)).toBe(false);
    const before = await server.stats();
    await sleep(200);
    expect((await server.stats()).wakeups - before.wakeups).toBeLessThan(20);
  });
});

describe("serve with several faults", () => {
  it("late, then slow, then in pieces, then cut off", async () => {
    await using server = await startServe([
      ...["--delay", "100ms", "--bandwidth", "5KB/s", "--slice", "40", "--close-after", "1000"],
    ]);
    using peer = Peer.dial(server);
    const sent = pattern(3000);
    const start = performance.now();
    await peer.send(sent);
    const { bytes, how } = await readToAnyEnd(peer);
    expect(how).toBe("FIN");
    expectSameBytes(bytes, sent.subarray(0, 1000));
    expect(performance.now() - start).toBeGreaterThanOrEqual(300);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it("a black hole swallows what would be cut", async () => {
    await using server = await startServe(["--blackhole", "--reset-after", "1"]);
    using peer = Peer.dial(server);
    await peer.send("hello");
    expect((await readToAnyEnd(peer, 200)).how).toBe("open");
  });
});
