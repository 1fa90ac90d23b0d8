// Peers that take their time, or take all of it: what they get is byte-exact, what they cost is bounded,
// and nobody else has to wait for them.
import { describe, expect, it } from "bun:test";
import { readProc, spawnCli, startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { exchange, Peer } from "../support/peers.ts";
import { tries } from "../support/runtime.ts";
import { sleep } from "../support/waiting.ts";

/** How much goes through the slow reader: IOMUX_TEST_STREAM_MIB, or 64 MiB with IOMUX_TEST_FULL. */
const STREAM = Number(process.env.IOMUX_TEST_STREAM_MIB ?? tries(64)) * 2 ** 20;

/** Resident memory of a process, in MiB. */
const residentMiB = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readProc(`${pid}/status`))![1]) / 1024;

describe("serve and a slow reader", () => {
  it(`${STREAM / 2 ** 20} MiB through it: every byte, in bounded memory`, async () => {
    await using server = await startServe(["--stats"]);
    using peer = Peer.dial(server);
    peer.socket.setBuffers({ recvBytes: 1 << 18 }); // or the kernel takes it all, and nothing has to wait
    const chunk = pattern(1_000_003); // no period that any buffer could have
    const twice = Buffer.concat([chunk, chunk]);
    const before = residentMiB(server.pid);
    let sent = 0, read = 0, most = 0;
    const deadline = performance.now() + 30_000 + STREAM / 2 ** 20 * 40;
    const send = () => {
      if (sent === STREAM) return;
      const from = sent % chunk.length;
      sent += peer.trySend(chunk.subarray(from, from + STREAM - sent));
      if (sent === STREAM) peer.end();
    };
    // A server that is short of the processor would else never be behind.
    await server.statsWhen(({ max_buffered }) => {
      send();
      return max_buffered >= 1 << 19;
    });
    for (let turn = 0; !peer.ended; turn++) {
      if (performance.now() > deadline) throw new Error(`${read} of ${sent} bytes in time`);
      send();
      // It would send eight times as fast as it reads: all buffers between are full, all the time.
      const part = await peer.read(Math.min(1 << 17, sent - read || 1));
      const at = read % chunk.length;
      expectSameBytes(part, twice.subarray(at, at + part.length));
      read += part.length;
      if (turn % 8 === 0) await sleep(0);
      if (turn % 256 === 0) most = Math.max(most, residentMiB(server.pid));
    }
    expect([sent, read]).toEqual([STREAM, STREAM]);
    expect(most - before).toBeLessThan(100);
    expect((await server.stop()).code).toBe(0);
    const { bytes_in, bytes_out, max_buffered, errors, closed } = server.lastStats();
    expect({ bytes_in, bytes_out, errors, closed })
      .toEqual({ bytes_in: STREAM, bytes_out: STREAM, errors: {}, closed: 1 });
    expect(max_buffered).toBeGreaterThanOrEqual(1 << 19); // its reading stopped and went on
    expect(max_buffered).toBeLessThanOrEqual(1 << 20);
  });

  it("a byte a second: it is not read on, costs no wake-ups, and others are served", async () => {
    await using server = await startServe(["--max-buffer", "64KiB"]);
    using slow = Peer.dial(server);
    const chunk = pattern(100_003);
    const sent = await slow.flood(chunk, 150);
    const before = await server.statsAtRest();
    const got: number[] = [];
    for (let i = 0; i < 3; i++) {
      got.push((await slow.read(1))[0]!);
      const start = performance.now();
      expect((await exchange(server, "quick")).length).toBe(5);
      expect(performance.now() - start).toBeLessThan(10_000);
      await sleep(1000);
    }
    expect(got).toEqual([...chunk.subarray(0, 3)]);
    const after = await server.stats();
    expect(after.active).toBe(1);
    expect(after.bytes_in - before.bytes_in).toBe(15); // the window did not open for a byte
    expect(after.wakeups - before.wakeups).toBeLessThan(40);
    expect(after.max_buffered).toBeLessThanOrEqual(65_536);
    slow.end();
    const rest = await slow.readToEnd();
    expect(rest.length).toBe(sent - 3);
  });

  it("--idle-timeout ends one who takes nothing more, and frees its buffers", async () => {
    await using server = await startServe(["--idle-timeout", "400ms", "--service", "chargen"]);
    using slow = Peer.dial(server);
    await slow.read(1);
    expect((await server.statsWhen(({ active }) => active === 0)).active).toBe(0);
  });
});

describe("serve and peers that connect and stay silent", () => {
  it("cost nothing while they are silent; the others are served; --idle-timeout ends them", async () => {
    await using server = await startServe(["--idle-timeout", "1500ms"]);
    const silent = Array.from({ length: 300 }, () => Peer.dial(server));
    const { active, wakeups } = await server.statsWhen((stats) => stats.active === 300);
    expect(active).toBe(300);
    for (let i = 0; i < 5; i++) expect((await exchange(server, "hello")).length).toBe(5);
    await sleep(300);
    expect((await server.stats()).wakeups - wakeups).toBeLessThan(60);
    const end = await server.statsWhen((stats) => stats.active === 0);
    expect([end.active, end.accepted, end.closed, end.peak]).toEqual([0, 305, 305, 301]);
    expect(end.errors).toEqual({});
    for (const peer of silent) {
      expect(await peer.isOver()).toBe(true);
      peer.reset();
    }
  });
});

describe("serve and fairness", () => {
  it("while eight connections flood it, a ninth is answered", async () => {
    await using server = await startServe(["--stats"]);
    await using load = spawnCli([
      ...["stress", `127.0.0.1:${server.port}`, "-c", "8", "-s", "256KiB", "--pipeline", "4"],
      ...["-d", "2s"],
    ]);
    expect((await server.statsWhen(({ bytes_in }) => bytes_in > 50_000_000)).bytes_in)
      .toBeGreaterThan(50_000_000); // it floods
    using peer = Peer.dial(server);
    const before = await server.stats();
    const times: number[] = [];
    for (let i = 0; i < 50; i++) {
      const start = performance.now();
      await peer.send(`ping ${i}.`);
      expect(await peer.text(`ping ${i}.`.length)).toBe(`ping ${i}.`);
      times.push(performance.now() - start);
      await sleep(5);
    }
    const after = await server.stats();
    expect(after.bytes_in - before.bytes_in).toBeGreaterThan(1_000_000); // all the time
    expect(Math.max(...times)).toBeLessThan(10_000);
    expect((await load.exit).code).toBe(0); // every byte verified
    const { bytes_in, bytes_out } = await server.statsWhen(({ active }) => active === 1);
    expect(bytes_out).toBe(bytes_in);
  });

  it("a flood of newcomers does not keep those who are there from being served", async () => {
    await using server = await startServe();
    using peer = Peer.dial(server);
    for (let i = 0; i < 50; i++) {
      const newcomers = Array.from({ length: 60 }, () => Peer.dial(server));
      const start = performance.now();
      await peer.send("ping");
      expect(await peer.text(4)).toBe("ping");
      expect(performance.now() - start).toBeLessThan(10_000);
      for (const newcomer of newcomers) newcomer.reset();
    }
    const stats = await server.statsWhen(({ active }) => active === 1);
    expect([stats.accepted, stats.closed, stats.active]).toEqual([3001, 3000, 1]);
  });
});

describe("serve and its counters", () => {
  it("accepted = active + closed + rejected + denied, and bytes in = bytes out, after everything", async () => {
    const limits = ["--max-connections", "20", "--deny", "127.0.0.9", "--max-buffer", "64KiB"];
    await using server = await startServe(["--workers", "2", ...limits]);
    let echoed = 0;
    for (let round = 0; round < 3; round++) {
      const open = Array.from({ length: 20 }, () => Peer.dial(server));
      await server.statsWhen(({ active }) => active === 20);
      for (let i = 0; i < 4; i++) {
        using rejected = Peer.dial(server);
        expect(await rejected.isOver()).toBe(true);
      }
      for (let i = 0; i < 3; i++) {
        using denied = Peer.dial({ port: server.port, bind: { host: "127.0.0.9" } });
        expect(await denied.isOver()).toBe(true);
      }
      for (const [i, peer] of open.entries()) {
        const sent = pattern(1000 * i, i + 1);
        await peer.send(sent);
        expectSameBytes(await peer.read(sent.length), sent);
        echoed += sent.length;
        if (i % 2) peer.reset();
        else peer.end();
      }
      for (const peer of open) {
        if (peer.socket.fileno() < 0) continue;
        await peer.readToEnd();
        peer.reset();
      }
      const now = await server.statsWhen(({ active }) => active === 0);
      expect(now.active).toBe(0);
      expect([now.rejected, now.denied]).toEqual([4 * (round + 1), 3 * (round + 1)]);
      expect(now.accepted).toBe(now.active + now.closed + now.rejected + now.denied);
      expect([now.bytes_in, now.bytes_out]).toEqual([echoed, echoed]);
      expect(now.peak).toBe(20);
    }
  });
});

describe("serve and what its children would inherit", () => {
  it("every socket of the process is close-on-exec", async () => {
    await using server = await startServe(["--workers", "2"]);
    const peers = Array.from({ length: 10 }, () => Peer.dial(server));
    await server.statsWhen(({ active }) => active === 10);
    const { execFileSync } = process.getBuiltinModule("node:child_process");
    const links = execFileSync("ls", ["-l", `/proc/${server.pid}/fd`], { encoding: "utf8" });
    const sockets = [...links.matchAll(/ (\d+) -> socket:/g)].map((match) => Number(match[1]));
    // 0 to 2 may be sockets of the test's own.
    const ours = sockets.filter((fd) => fd > 2);
    expect(ours.length).toBeGreaterThanOrEqual(12); // two listeners, ten connections
    for (const fd of ours) {
      const [, flags] = /flags:\s+(\d+)/.exec(readProc(`${server.pid}/fdinfo/${fd}`))!;
      expect(`${fd} ${(parseInt(flags!, 8) & 0o2000000) !== 0}`).toBe(`${fd} true`); // O_CLOEXEC
    }
    for (const peer of peers) peer.reset();
  });
});
