// How the client ends when it is told to, when it can't connect, and how it waits until then.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { Socket } from "../../lib/net/mod.ts";
import { TempDir } from "../support/files.ts";
import { type Cli, spawnCli } from "../support/cli.ts";
import { sleep, until } from "../support/waiting.ts";
import { echoPeer, FullBacklog, peer, shellClient } from "./peers.ts";

const closedPort = (): number => {
  using probe = Socket.listen({ host: "127.0.0.1" });
  return (probe.localAddress as { port: number }).port;
};

/** Sends a signal and returns the exit code and how long it took. */
async function end(
  cli: Cli,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; soon: boolean }> {
  const start = performance.now();
  cli.kill(signal);
  const { code } = await cli.exit;
  return { code, soon: performance.now() - start < 9000 };
}

describe("iomux client cannot connect", () => {
  it("when the port is closed: exit 3, in one line", async () => {
    const port = closedPort();
    await using cli = spawnCli(["client", `127.0.0.1:${port}`]);
    expect((await cli.exit).code).toBe(3);
    expect(cli.stderr()).toBe(
      `iomux: Cannot connect to 127.0.0.1:${port}: ECONNREFUSED (connection refused)\n`,
    );
    expect(cli.stdout()).toBe("");
  });

  it("when the name does not resolve: exit 3", async () => {
    await using cli = spawnCli(["client", "no-such-host.invalid:80"]);
    expect((await cli.exit).code).toBe(3);
    expect(cli.stderr()).toMatch(/^iomux: Cannot resolve no-such-host\.invalid: .*\n$/);
  });

  it("when there is no such Unix socket: exit 3", async () => {
    await using cli = spawnCli(["client", "--unix", "/nonexistent/socket"]);
    expect((await cli.exit).code).toBe(3);
    expect(cli.stderr()).toMatch(
      /^iomux: Cannot connect to unix:\/nonexistent\/socket: ENOENT.*\n$/,
    );
  });

  it("within --connect-timeout: exit 4", async () => {
    await using full = await new FullBacklog().fill();
    await using cli = spawnCli(["client", `127.0.0.1:${full.port}`, "-w", "300ms"]);
    expect((await cli.exit).code).toBe(4);
    expect(cli.stderr()).toMatch(/^iomux: Cannot connect to .* within 300 ms: ETIMEDOUT .*\n$/);
  });

  it("to any address of a name within --connect-timeout, which bounds all of them: exit 4", async () => {
    await using first = await new FullBacklog().fill();
    await using second = await new FullBacklog("::1", first.port).fill();
    await using cli = spawnCli(["client", "-v", `localhost:${second.port}`, "-w", "1500ms"]);
    expect((await cli.exit).code).toBe(4);
    expect(cli.stderr()).toMatch(
      /^iomux: trying 127\.0\.0\.1:\d+\niomux: trying \[::1\]:\d+\niomux: Cannot connect to localhost:\d+ within 1\.5 s: ETIMEDOUT .*\n$/,
    );
  });

  it("to the first address of a name, which is silent: the second is tried meanwhile", async () => {
    await using full = await new FullBacklog().fill();
    await using six = await echoPeer("::1", full.port);
    const args = ["client", "-v", `localhost:${six.port}`, "-w", "30s"];
    await using cli = spawnCli(args, { stdin: "second" });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([0, "second"]);
    expect(cli.stderr()).toMatch(
      /^iomux: trying 127\.0\.0\.1:\d+\niomux: trying \[::1\]:\d+\niomux: connected to \[::1\]:\d+ after [\d.]+ [mu]s\n$/,
    );
  });

  // Several, at different times: a signal that came as the event loop turned was lost once in ten times.
  it("and is told to end meanwhile, whenever that is: exit 130", async () => {
    await using full = await new FullBacklog().fill();
    const args = ["client", "-v", `127.0.0.1:${full.port}`];
    await Promise.all(Array.from({ length: 16 }, async (_, i) => {
      await using cli = spawnCli(args, { stdin: "pipe" });
      await cli.says(/trying/);
      await sleep(i);
      expect(await end(cli, "SIGINT")).toEqual({ code: 130, soon: true });
      expect(cli.stderr()).toBe(`iomux: trying 127.0.0.1:${full.port}\n`);
    }));
  });
});

describe("iomux client ends on a signal", () => {
  it("while it waits: 130 and 143", async () => {
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      await using echo = await echoPeer();
      await using cli = spawnCli(["client", echo.name], { stdin: "pipe" });
      cli.child.stdin!.write("ready");
      await cli.says(/ready/, "stdout");
      expect(await end(cli, signal)).toEqual({ code, soon: true });
      expect(cli.stderr()).toBe("");
    }
  });

  it("while more and more arrives", async () => {
    await using endless = await peer((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(60_000, "x")));
      };
      socket.on("drain", more);
      more();
    });
    // The reader is a process of its own, fast enough for stdout never to be full for long.
    const line =
      'exec 3<&0; { "$@" <&3 & echo $! >&2; wait $!; echo "exit $?" >&2; } | cat >/dev/null';
    await using client = shellClient(line, [endless.name]);
    const socket = await endless.connection;
    for (let i = 0; i < 100 && socket.bytesWritten < 5_000_000; i++) await sleep(20);
    const start = performance.now();
    process.kill(parseInt(client.stderr), "SIGTERM");
    for (let i = 0; i < 500 && !client.stderr.includes("exit"); i++) await sleep(20);
    expect(client.stderr).toMatch(/exit 143\n$/);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it("while nobody takes what -x shows, in a session and in a script", async () => {
    using folder = new TempDir();
    writeFileSync(folder.file("steps"), 'expect "never" 99s\n');
    for (const options of [["-x"], ["-x", "--script", folder.file("steps")]]) {
      await using much = await peer((socket) => void socket.write(Buffer.alloc(1_000_000)));
      const line =
        'exec 3<&0; { "$@" <&3 2>&1 >/dev/null & echo $! >&2; wait $!; echo "exit $?" >&2; } | sleep 60';
      await using client = shellClient(line, [...options, much.name]);
      await much.connection;
      await sleep(500);
      process.kill(parseInt(client.stderr), "SIGTERM");
      expect(await until(() => client.stderr.endsWith("exit 143\n"), 10_000)).toBe(true);
    }
  });

  it("when stdout's reader goes away while nobody takes what -x shows: 141", async () => {
    await using much = await peer((socket) => void socket.write(Buffer.alloc(1_000_000)));
    const line =
      'exec 3<&0 5>&2; { { "$@" <&3 2>&4; echo "exit $?" >&5; } | sleep 1; } 4>&1 | sleep 60';
    await using client = shellClient(line, ["-x", much.name]);
    expect(await until(() => client.stderr === "exit 141\n", 15_000)).toBe(true);
  });

  it("while nobody takes what it prints", async () => {
    await using brief = await peer((socket) => void socket.write(Buffer.alloc(1_000_000)));
    const line = 'exec 3<&0; { "$@" <&3 & echo $! >&2; wait $!; echo "exit $?" >&2; } | sleep 60';
    await using client = shellClient(line, [brief.name]);
    await brief.connection;
    await sleep(500);
    process.kill(parseInt(client.stderr), "SIGTERM");
    for (let i = 0; i < 500 && !client.stderr.includes("exit"); i++) await sleep(20);
    expect(client.stderr).toMatch(/exit 143\n$/);
  });
});

describe("iomux client waits without work", () => {
  const TICK_MS = 10;
  const cpuMs = (pid: number) => {
    // By cat: Deno lets nobody read /proc without all permissions.
    const stat = spawnSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" }).stdout;
    const fields = stat.replace(/^.*\) /, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  };

  async function idle(pid: number): Promise<void> {
    await sleep(500); // what the runtime does after its start
    const before = cpuMs(pid);
    await sleep(1000);
    expect(cpuMs(pid) - before).toBeLessThan(200);
  }

  it("for both sides", async () => {
    await using echo = await echoPeer();
    await using cli = spawnCli(["client", echo.name], { stdin: "pipe" });
    cli.child.stdin!.write("ready");
    await cli.says(/ready/, "stdout");
    await idle(cli.pid);
  });

  it("for the peer, once stdin has ended", async () => {
    await using silent = await peer(() => {});
    await using cli = spawnCli(["client", silent.name]);
    await silent.connection;
    await idle(cli.pid);
  });

  it("for a peer that reads nothing, with much to send from a file", async () => {
    await using deaf = await peer((socket) => void socket.pause());
    await using client = shellClient('exec "$@" </dev/zero >/dev/null', [deaf.name]);
    await deaf.connection;
    await idle(client.child.pid!);
  });
});
