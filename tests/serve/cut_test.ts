// Timers and what they may end: never a connection with input that was not read, or whose peer goes on
// taking what it was sent; and what they cut does not look whole.
import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { engineMissing } from "../../lib/engine/mod.ts";
import { type RunningServer, startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { failing, type FailingCall, NO_FAILING, titleOf } from "../support/failing.ts";
import { TempDir } from "../support/files.ts";
import { handlerAt } from "../support/handoff.ts";
import { Peer } from "../support/peers.ts";
import { itUnless, NO_SIGNALS, NO_UNIX_SOCKETS } from "../support/systems.ts";
import { sleep, until } from "../support/waiting.ts";

/** More than the kernels of both sides keep for a peer that does not read. */
const MUCH = 12_000_000;

/** Reads to the end; how it ended, and what came. */
async function readAll(peer: Peer): Promise<{ end: string; bytes: Uint8Array }> {
  const parts: Uint8Array[] = [];
  try {
    for (const deadline = performance.now() + 20_000; performance.now() < deadline;) {
      const bytes = peer.tryRead();
      if (peer.ended) return { end: "FIN", bytes: Buffer.concat(parts) };
      if (bytes.length > 0) parts.push(bytes);
      else await sleep(1);
    }
    return { end: "none", bytes: Buffer.concat(parts) };
  } catch (error) {
    return { end: (error as { code: string }).code, bytes: Buffer.concat(parts) };
  }
}

/** A peer that has sent much, and reads none of the answer. */
async function stuck(server: RunningServer): Promise<{ peer: Peer; sent: Uint8Array }> {
  const peer = Peer.dial(server);
  const sent = pattern(MUCH);
  await peer.send(sent);
  const { bytes_in } = await server.statsWhen(({ bytes_in }) => bytes_in === MUCH);
  expect(bytes_in).toBe(MUCH);
  return { peer, sent };
}

const ENGINES = ["readiness", "uring"] as const;
const BUFFER = ["--max-buffer", "64MiB"];
/** Longer than a peer that sends is held up on a busy machine. */
const LONG = "1500ms";

/** What a peer reads that takes `length` bytes in all, for a while so many every 50 ms, then the rest. */
async function takenSlowly(
  peer: Peer,
  bytes: number,
  forMs: number,
  length: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const start = performance.now(); performance.now() - start < forMs; await sleep(50)) {
    parts.push(await peer.read(bytes));
  }
  parts.push(await peer.read(length - parts.reduce((all, part) => all + part.length, 0)));
  return Buffer.concat(parts);
}

describe("serve and a timer that is due", () => {
  it("reads what has arrived first, however late the timer is", async () => {
    if (NO_SIGNALS) return;
    await using server = await startServe(["--idle-timeout", "1s"]);
    using peer = Peer.dial(server);
    await peer.send("x");
    expect(await peer.text(1)).toBe("x");
    await server.freeze();
    await sleep(300);
    await peer.send("in time");
    await sleep(1500);
    server.kill("SIGCONT");
    expect(await peer.text(7)).toBe("in time");
    expect(await peer.isOver()).toBe(true); // idle from then on
  });

  it("hands over what has arrived first, with a handler", async () => {
    if (NO_SIGNALS) return;
    await using server = await startServe(["--idle-timeout", "1s", "--exec", "cat"]);
    using peer = Peer.dial(server);
    await server.statsWhen(({ active }) => active === 1);
    await server.freeze();
    await sleep(300);
    await peer.send("in time");
    await sleep(1500);
    server.kill("SIGCONT");
    expect(await peer.text(7)).toBe("in time");
  });

  for (const engine of ENGINES) {
    for (const option of ["--lease-timeout", "--drain-timeout"]) {
      const name = `${option}, ${engine}: a handler that waits is given what has arrived first`;
      itUnless(NO_SIGNALS ?? engineMissing(engine), name, async () => {
        const handler = ["--handler", handlerAt("pairs.ts"), "--handler-workers", "6"];
        await using server = await startServe([...handler, "--engine", engine, option, "1s"]);
        const peers = Array.from({ length: 6 }, () => Peer.dial(server));
        for (const peer of peers) await peer.send("1\n");
        await server.statsWhen(({ leases_active }) => leases_active === 6);
        if (option === "--drain-timeout") server.kill("SIGTERM");
        await sleep(200);
        await server.freeze();
        for (const peer of peers) await peer.send("2\n");
        await sleep(1500);
        server.kill("SIGCONT");
        for (const peer of peers) expect(await peer.text(4)).toBe("1:2\n");
        for (const peer of peers) peer.reset();
      });
    }
  }

  for (const [option, ends] of [["--idle-timeout", false], ["--fin-timeout", true]] as const) {
    for (const engine of ENGINES) {
      const missing = NO_UNIX_SOCKETS ?? engineMissing(engine);
      itUnless(missing, `${option}, Unix, ${engine}: a slow and steady peer gets all`, async () => {
        using dir = new TempDir();
        const path = join(dir.path, "s");
        const args = ["--unix", path, option, LONG, "--engine", engine, ...BUFFER];
        await using _server = await startServe(args);
        using peer = Peer.dial({ path });
        const sent = pattern(900_000);
        await peer.send(sent);
        if (ends) peer.end();
        expectSameBytes(await takenSlowly(peer, 4_000, 4000, sent.length), sent);
      });
    }

    it(`${option}: a peer that takes its answer slowly, and steadily, gets all of it`, async () => {
      await using server = await startServe([option, LONG, ...BUFFER]);
      const { peer, sent } = await stuck(server);
      if (ends) peer.end();
      expectSameBytes(await takenSlowly(peer, 64_000, 3500, sent.length), sent);
      expect((await server.stats()).connections_cut).toBe(0);
      peer.reset();
    });

    it(`${option}: one that takes nothing is cut by RST, and counted`, async () => {
      await using server = await startServe([option, LONG, ...BUFFER]);
      const { peer, sent } = await stuck(server);
      if (ends) peer.end();
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect([stats.active, stats.closed, stats.connections_cut]).toEqual([0, 1, 1]);
      const { end, bytes } = await readAll(peer);
      expect(end).toBe("ECONNRESET");
      expect(bytes.length).toBeLessThan(sent.length);
    });
  }

  for (const engine of ENGINES) {
    for (const unix of [false, true]) {
      const name = `${engine}, ${
        unix ? "Unix" : "TCP"
      }: what the peer itself cuts is its error, and no cut`;
      itUnless((unix && NO_UNIX_SOCKETS) || engineMissing(engine), name, async () => {
        using dir = new TempDir();
        const path = join(dir.path, "s");
        await using server = await startServe([
          ...(unix ? ["--unix", path] : []),
          "--engine",
          engine,
        ]);
        const peers = Array.from({ length: 2 }, () => Peer.dial(unix ? { path } : server));
        for (const peer of peers) await peer.flood(pattern(65_536), 300);
        for (const peer of peers) peer.socket.close(); // with an answer that it has not read
        const stats = await server.statsWhen(({ active }) => active === 0);
        expect([stats.closed, stats.connections_cut]).toEqual([2, 0]);
        expect(Object.values(stats.errors).reduce((all, count) => all + count, 0)).toBe(2);
      });
    }
  }

  it("--drain-timeout cuts by RST, and counts it", async () => {
    if (NO_SIGNALS) return;
    await using server = await startServe(["--drain-timeout", "200ms", "--stats", ...BUFFER]);
    const { peer } = await stuck(server);
    server.kill("SIGTERM");
    expect((await server.exit).code).toBe(1);
    expect(server.lastStats().connections_cut).toBe(1);
    expect((await readAll(peer)).end).toBe("ECONNRESET");
  });

  const row: FailingCall = ["epoll_ctl", "ENOMEM", 4, "serve"];
  itUnless(NO_FAILING, `a failing call of ours cuts by RST, too: ${titleOf(row)}`, async () => {
    const args = ["--service", "chargen", "--engine", "readiness", "--selector", "epoll"];
    await using server = await startServe(args, failing(row));
    // Nothing of it is unread, for which the kernel would reset by itself.
    const answer = async () => {
      using peer = Peer.dial(server);
      return (await readAll(peer)).end;
    };
    expect(await answer().catch(({ code }) => code)).toBe("ECONNRESET"); // at once, it may be
    const stats = await server.statsWhen(({ closed }) => closed === 1);
    expect([stats.active, stats.errors.ENOMEM]).toEqual([0, 1]);
  });

  it("a fault that holds an answer back is cut by RST as well", async () => {
    await using server = await startServe(["--idle-timeout", "300ms", "--delay", "30s"]);
    using peer = Peer.dial(server);
    await peer.send("hello");
    expect((await readAll(peer)).end).toBe("ECONNRESET");
    expect(await until(() => peer.ended, 1)).toBe(false);
    expect((await server.stats()).connections_cut).toBe(1);
  });
});

describe("serve and an answer that is cut while it is handed over", () => {
  const handoffs = [
    ["--handler", handlerAt("commands.ts")],
    ["--exec", `sh -c 'read line; head -c ${MUCH} /dev/zero'`],
  ];
  for (const engine of ENGINES) {
    const missing = engineMissing(engine);
    for (const handoff of handoffs) {
      const args = [...handoff, "--engine", engine];
      const name = `${handoff[0]}, ${engine}`;

      itUnless(missing, `${name}: --lease-timeout cuts it by RST, and counts it`, async () => {
        await using server = await startServe([...args, "--lease-timeout", "400ms"]);
        using peer = Peer.dial(server);
        await peer.send(`send ${MUCH}\n`);
        const stats = await server.statsWhen(({ closed }) => closed === 1);
        expect([stats.active, stats.closed, stats.connections_cut]).toEqual([0, 1, 1]);
        const { end, bytes } = await readAll(peer);
        expect(end).toBe("ECONNRESET");
        expect(bytes.length).toBeLessThan(MUCH);
      });

      itUnless(NO_SIGNALS ?? missing, `${name}: so does its death in the middle`, async () => {
        const dying = ["--exec", "sh -c 'read line; head -c 100 /dev/zero; kill -9 $$'"];
        const server = await startServe(
          handoff[0] === "--exec" ? [...dying, "--engine", engine] : args,
        );
        await using _ = server;
        using peer = Peer.dial(server);
        await peer.send("die 100\nunread");
        const { end, bytes } = await readAll(peer);
        expect([end, bytes.length]).toEqual(["ECONNRESET", 100]);
        const stats = await server.statsWhen(({ closed }) => closed === 1);
        expect([stats.active, stats.connections_cut]).toEqual([0, 1]);
      });

      itUnless(NO_SIGNALS ?? missing, `${name}: so does the end of a drain`, async () => {
        await using server = await startServe([...args, "--drain-timeout", "200ms", "--stats"]);
        using peer = Peer.dial(server);
        await peer.send(`send ${MUCH}\n`);
        await server.statsWhen(({ leases_active }) => leases_active === 1);
        await sleep(100); // so that a part is on its way
        server.kill("SIGTERM");
        expect((await server.exit).code).toBe(1);
        expect(server.lastStats().connections_cut).toBe(1);
        expect((await readAll(peer)).end).toBe("ECONNRESET");
      });
    }
  }
});
