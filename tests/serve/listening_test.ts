// Where a server listens: IPv4, IPv6, dual-stack, Unix sockets, several workers on one address.
import { describe, expect, it } from "bun:test";
import {
  existsSync,
  lstatSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { Socket } from "../../lib/net/mod.ts";
import { spawnCli, startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { TempDir } from "../support/files.ts";
import { dialError, exchange, Peer } from "../support/peers.ts";
import { NO_SIGNALS } from "../support/systems.ts";
import { until } from "../support/waiting.ts";

const text = async (...to: Parameters<typeof exchange>) =>
  new TextDecoder().decode(await exchange(...to));

describe("serve --host and --port", () => {
  it("127.0.0.1: the ready line has the port that was picked, and is the only output", async () => {
    await using server = await startServe();
    expect(server.stdout()).toBe(`listening on 127.0.0.1:${server.port}\n`);
    expect(server.stderr()).toBe("");
    expect(server.port).toBeGreaterThan(1023);
    expect(await text(server, "hello")).toBe("hello");
  });

  it("::1: the address is in brackets, and may be given so", async () => {
    for (const host of ["::1", "[::1]"]) {
      await using server = await startServe(["-H", host]);
      expect(server.name).toBe(`[::1]:${server.port}`);
      expect(await text({ host: "::1", port: server.port }, "hello")).toBe("hello");
      expect(dialError(server)).toBe("ECONNREFUSED");
    }
  });

  it(":: is dual-stack", async () => {
    await using server = await startServe(["--host", "::"]);
    expect(server.name).toBe(`[::]:${server.port}`);
    expect(await text({ host: "::1", port: server.port }, "six")).toBe("six");
    expect(await text({ host: "127.0.0.1", port: server.port }, "four")).toBe("four");
  });

  for (const workers of [1, 2]) {
    it(`a name, ${workers} worker(s): every address of it, on one port, a ready line each`, async () => {
      await using server = await startServe(["-H", "localhost", "--workers", `${workers}`]);
      const { port } = server;
      await server.says(/\[::1\]:\d+\n/, "stdout");
      expect(server.stdout()).toBe(`listening on 127.0.0.1:${port}\nlistening on [::1]:${port}\n`);
      for (const host of ["127.0.0.1", "::1"]) {
        expect(await text({ host, port }, host)).toBe(host);
      }
      expect((await server.stop()).code).toBe(0);
    });
  }

  it("a port that was just used by a server can be used again", async () => {
    await using first = await startServe(["--drain-timeout", "0s"]);
    const peer = Peer.dial(first);
    await peer.send("x");
    await peer.text(1);
    expect((await first.stop()).code).toBe(1);
    peer.reset();
    await using second = await startServe(["-p", `${first.port}`]);
    expect(second.port).toBe(first.port);
    expect(await text(second, "again")).toBe("again");
  });
});

describe("serve --workers", () => {
  it("2: all are answered, the statistics are summed", async () => {
    await using server = await startServe(["--workers", "2", "--stats"]);
    await Promise.all(Array.from({ length: 60 }, async (_, i) => {
      const sent = pattern(20_000, i + 1);
      expectSameBytes(await exchange(server, sent), sent);
    }));
    await server.statsWhen(({ active }) => active === 0);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    const stats = server.lastStats();
    expect([stats.workers, stats.accepted, stats.closed]).toEqual([2, 60, 60]);
    expect([stats.bytes_in, stats.bytes_out]).toEqual([60 * 20_000, 60 * 20_000]);
  });

  it("2: a second server on the same port is refused, rather than given half of the clients", async () => {
    await using server = await startServe(["--workers", "2"]);
    const args = ["serve", "--workers", "2", "-H", "127.0.0.1", "-p", `${server.port}`];
    await using second = spawnCli(args);
    expect((await second.exit).code).toBe(3);
    expect(second.stderr()).toMatch(/^iomux: Cannot bind 127\.0\.0\.1:\d+: EADDRINUSE [^\n]*\n$/);
  });

  it("auto: one for each CPU", async () => {
    await using server = await startServe(["--workers", "auto"]);
    const { availableParallelism } = process.getBuiltinModule("node:os");
    expect((await server.stats()).workers).toBe(availableParallelism());
  });
});

describe("serve --unix", () => {
  it("listens, says so, answers, and removes the file at exit", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    await using server = await startServe(["--unix", path]);
    expect(server.stdout()).toBe(`listening on unix:${path}\n`);
    const sent = pattern(1_000_000);
    expectSameBytes(await exchange({ path }, sent), sent);
    expect((await server.stop()).code).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it("--workers 2 share it", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    await using server = await startServe(["--unix", path, "--workers", "2"]);
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      expect(await text({ path }, `hello ${i}`)).toBe(`hello ${i}`);
    }));
    expect((await server.stats()).accepted).toBe(20);
    expect((await server.stop()).code).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it("a stale file is replaced", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    Socket.listen({ path }).close(); // leaves its file behind
    expect(lstatSync(path).isSocket()).toBe(true);
    await using server = await startServe(["--unix", path]);
    expect(await text({ path }, "hello")).toBe("hello");
    expect((await server.stop()).code).toBe(0);
  });

  it("a file that another server has made since is not ours to remove", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    await using first = await startServe(["--unix", path, "--drain-timeout", "30s"]);
    using peer = Peer.dial({ path });
    await peer.send("x");
    await peer.text(1);
    first.kill("SIGTERM");
    await first.says(/Draining/);
    const refused = () => dialError({ path }) === "ECONNREFUSED";
    expect(await until(refused)).toBe(true);
    await using second = await startServe(["--unix", path]);
    peer.end();
    expect((await first.exit).code).toBe(0);
    expect(await text({ path }, "the second")).toBe("the second");
    expect((await second.stop()).code).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it("a file that was replaced by another kind of file stays", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    await using server = await startServe(["--unix", path]);
    unlinkSync(path);
    writeFileSync(path, "precious");
    expect((await server.stop()).code).toBe(0);
    expect(readFileSync(path, "utf8")).toBe("precious");
  });

  it("SIGHUP is as SIGTERM: drained, exit 0, the file is removed", async () => {
    if (NO_SIGNALS) return;
    using folder = new TempDir();
    const path = folder.file("socket");
    await using server = await startServe(["--unix", path]);
    expect(await text({ path }, "hello")).toBe("hello");
    server.kill("SIGHUP");
    expect(await server.exit).toEqual({ code: 0, signal: null });
    expect(server.stderr()).toMatch(/Draining/);
    expect(existsSync(path)).toBe(false);
  });

  it("a signal that comes before the ready line drains it too, and the file is removed", async () => {
    if (NO_SIGNALS) return;
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      using folder = new TempDir();
      const path = folder.file("socket");
      await using server = spawnCli(["serve", "--unix", path, "--workers", "2"]);
      await until(() => existsSync(path));
      server.kill(signal);
      expect(await server.exit).toEqual({ code: 0, signal: null });
      expect(existsSync(path)).toBe(false);
    }
  });

  it("@NAME is an abstract name, said as it was given", async () => {
    if (process.platform !== "linux") return;
    const path = `@iomux-test-${process.pid}`.padEnd(108, "n"); // unix(7): 107 bytes and their NUL
    await using server = await startServe(["--unix", path, "--workers", "2"]);
    expect(server.stdout()).toBe(`listening on unix:${path}\n`);
    expect(await text({ path }, "hello")).toBe("hello");
    await using client = spawnCli(["client", "--unix", path], { stdin: "hello" });
    expect([(await client.exit).code, client.stdout()]).toEqual([0, "hello"]);
    await using stress = spawnCli(["stress", "--unix", path, "-c", "1", "-n", "3"]);
    expect([(await stress.exit).code, stress.stderr()]).toEqual([0, ""]);
    expect((await server.stop()).code).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it("after a cut drain and after a second signal the file is removed too", async () => {
    using folder = new TempDir();
    for (const [signals, timeout] of [[1, "200ms"], [2, "20s"]] as const) {
      const path = folder.file("socket");
      await using server = await startServe(["--unix", path, "--drain-timeout", timeout]);
      using peer = Peer.dial({ path });
      await peer.send("x");
      await peer.text(1);
      server.kill("SIGTERM");
      await server.says(/Draining/);
      if (signals === 2) await server.killAgain("SIGTERM");
      expect((await server.exit).code).toBe(signals === 2 ? 143 : 1);
      expect(existsSync(path)).toBe(false);
    }
  });

  const refused = async (path: string, why: RegExp) => {
    await using server = spawnCli(["serve", "--unix", path]);
    expect((await server.exit).code).toBe(3);
    expect(server.stderr()).toMatch(/^iomux: [^\n]*\n$/);
    expect(server.stderr()).toMatch(why);
    expect(server.stdout()).toBe("");
  };

  it("a live one is not replaced: exit 3, and the other goes on", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    await using first = await startServe(["--unix", path]);
    await refused(path, /EADDRINUSE/);
    expect(await text({ path }, "still here")).toBe("still here");
    expect((await first.stop()).code).toBe(0);
  });

  it("a regular file, a folder and a link to one are not replaced", async () => {
    using folder = new TempDir();
    const [file, link] = [folder.file("file"), folder.file("link")];
    writeFileSync(file, "precious");
    symlinkSync(file, link);
    for (const path of [file, link, folder.path]) await refused(path, /is no socket.*EADDRINUSE/);
    expect(readFileSync(file, "utf8")).toBe("precious");
    await refused(folder.file("no/such/folder"), /ENOENT/);
  });
});
