// The client's standard streams: files, pipes, devices, and none at all.
import { describe, expect, it } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  openSync,
  read,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { promisify } from "node:util";
import { getAvailablePort, socketPair, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { cliCommand, root, spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { HIDES_CLOSED } from "../support/systems.ts";
import { sleep, until } from "../support/waiting.ts";
import { NO_TLS } from "../tls/certificates.ts";
import { echoPeer, everything, FullBacklog, peer, shellClient } from "./peers.ts";

const MUCH = 20_000_000;
const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("iomux client moves 20 MB unchanged, both ways at once", () => {
  it("from a file to a file", async () => {
    using folder = new TempDir();
    const bytes = randomBytes(MUCH);
    writeFileSync(folder.file("in"), bytes);
    await using echo = await echoPeer();
    const files = { IN: folder.file("in"), OUT: folder.file("out") };
    await using client = shellClient('exec "$@" <"$IN" >"$OUT"', [echo.name], files);
    expect({ code: await client.exit, stderr: client.stderr }).toEqual({ code: 0, stderr: "" });
    expect(hash(readFileSync(files.OUT))).toBe(hash(bytes));
  });

  it("from a pipe to a pipe", async () => {
    const bytes = randomBytes(MUCH);
    await using echo = await echoPeer();
    await using cli = spawnCli(["client", echo.name], { stdin: bytes });
    expect((await cli.exit).code).toBe(0);
    expect(hash(cli.stdoutBytes())).toBe(hash(bytes));
  });

  it("over a Unix socket", async () => {
    using folder = new TempDir();
    const bytes = randomBytes(MUCH);
    await using _echo = await echoPeer(folder.file("socket"));
    await using cli = spawnCli(["client", "--unix", folder.file("socket")], { stdin: bytes });
    expect((await cli.exit).code).toBe(0);
    expect(hash(cli.stdoutBytes())).toBe(hash(bytes));
  });

  it("to a reader that is slow, without holding much of it", async () => {
    using folder = new TempDir();
    const bytes = randomBytes(MUCH);
    await using brief = await peer((socket) => void socket.end(bytes));
    const wait = 'until [ -s "$GO" ]; do sleep 0.05; done';
    const line = `"$@" | { ${wait}; dd bs=4000 count=10 2>/dev/null; sleep 0.3; cat; } >"$OUT"`;
    const files = { OUT: folder.file("out"), GO: folder.file("go") };
    await using client = shellClient(line, [brief.name], files);
    await sleep(400);
    expect(statSync(files.OUT).size).toBe(0);
    writeFileSync(files.GO, "go");
    expect(await client.exit).toBe(0);
    expect(hash(readFileSync(files.OUT))).toBe(hash(bytes));
  });
});

describe("iomux client and a stdin that is", () => {
  it("/dev/null: FIN at once", async () => {
    await using ending = await peer(async (socket) => {
      const got = await everything(socket);
      socket.end(`${got.length}`);
    });
    using folder = new TempDir();
    const files = { OUT: folder.file("out") };
    await using client = shellClient('exec "$@" </dev/null >"$OUT"', [ending.name], files);
    expect(await client.exit).toBe(0);
    expect(readFileSync(files.OUT, "utf8")).toBe("0");
  });

  it("closed: the same", async () => {
    await using ending = await peer(async (socket) => {
      const got = await everything(socket);
      socket.end(`${got.length}`);
    });
    using folder = new TempDir();
    const files = { OUT: folder.file("out") };
    await using client = shellClient('exec "$@" <&- >"$OUT"', [ending.name], files);
    expect(await client.exit).toBe(0);
    expect(readFileSync(files.OUT, "utf8")).toBe("0");
  });

  it("a directory: exit 1, in one line", async () => {
    await using echo = await echoPeer();
    await using client = shellClient('exec "$@" </', [echo.name]);
    expect(await client.exit).toBe(1);
    expect(client.stderr).toMatch(/^iomux: .*EISDIR.*\n$/);
  });
});

describe("iomux client and a stdout that is", () => {
  it("/dev/null", async () => {
    await using brief = await peer((socket) => void socket.end(Buffer.alloc(1_000_000)));
    await using client = shellClient('exec "$@" >/dev/null', [brief.name]);
    expect(await client.exit).toBe(0);
  });

  it("broken: exit 141, and nothing is said", async () => {
    await using endless = await peer((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(10_000, "x")));
      };
      socket.on("drain", more);
      more();
    });
    const line = '{ "$@"; echo "exit $?" >&2; } | head -c 10 >/dev/null';
    await using client = shellClient(line, [endless.name]);
    await client.exit;
    expect(client.stderr).toBe("exit 141\n");
  });

  describe("broken while there is no connection: exit 141 at once", () => {
    // The reader goes away when it has seen that the client waits; the shell then says how that has ended.
    const line = '{ "$@"; echo "exit $?" >&2; } | { until [ -e "$GO" ]; do sleep 0.05; done; }';
    const cases: [name: string, waits: RegExp, args: (port: number) => string[]][] = [
      ["listening", /listening on/, () => ["-v", "-l", "127.0.0.1:0"]],
      ["connecting", /trying/, (port) => ["-v", `127.0.0.1:${port}`]],
      [
        "between two connections",
        /ECONNREFUSED/,
        () => ["--reconnect", "99s", `127.0.0.1:${getAvailablePort()}`],
      ],
      ["with datagrams", /udp|from/, (port) => ["-v", "--udp", `127.0.0.1:${port}`]],
    ];
    if (NO_TLS === undefined) {
      const tls = ["-v", "--tls", "--tls-insecure"];
      cases.push(["in a handshake", /connected to/, (port) => [...tls, `127.0.0.1:${port}`]]);
    }
    for (const [name, waits, args] of cases) {
      it(name, async () => {
        using folder = new TempDir();
        await using full = await new FullBacklog().fill();
        await using silent = await peer(() => {});
        const port = name === "connecting" ? full.port : silent.port;
        await using client = shellClient(line, args(port), { GO: folder.file("go") });
        expect(await until(() => waits.test(client.stderr), 15_000)).toBe(true);
        writeFileSync(folder.file("go"), "");
        expect(await until(() => client.stderr.endsWith("exit 141\n"), 15_000)).toBe(true);
      });
    }
  });

  it("closed: exit 1, in one line, when something came", async () => {
    const [code, says] = HIDES_CLOSED
      ? [0, /^$/]
      : [1, /^iomux: Cannot write to stdout: EBADF \(bad file descriptor\)\n$/];
    await using brief = await peer((socket) => void socket.end("words"));
    await using client = shellClient('exec "$@" >&-', [brief.name]);
    expect(await client.exit).toBe(code);
    expect(client.stderr).toMatch(says);
    await using silent = await peer((socket) => void socket.end());
    for (const args of [[silent.name], ["--send-only", brief.name]]) {
      await using other = shellClient('exec "$@" >&-', args);
      expect([args, await other.exit, other.stderr]).toEqual([args, 0, ""]);
    }
  });

  it("full: exit 1, in one line", async () => {
    await using brief = await peer((socket) => void socket.end("words"));
    await using client = shellClient('exec "$@" >/dev/full', [brief.name]);
    expect(await client.exit).toBe(1);
    expect(client.stderr).toMatch(/^iomux: .*ENOSPC.*\n$/);
  });
});

describe("iomux client and a socket", () => {
  for (const how of ["blocking", "non-blocking"]) {
    it(`as stdin and stdout at once, which is ${how} and stays so`, async () => {
      await using echo = await echoPeer();
      const [near, far] = socketPair();
      using _far = far;
      {
        using given = near;
        given.setBlocking(how === "blocking");
        const [command, args] = cliCommand(["client", echo.name]);
        // By a shell: to start a program makes what becomes its standard streams blocking.
        const line = 'exec "$@" <&3 >&3 3<&-';
        const child = spawn("sh", ["-c", line, "sh", command, ...args], {
          cwd: root,
          stdio: ["ignore", "ignore", "inherit", given.fileno()],
        });
        const exit = new Promise((resolve) => child.on("exit", resolve));
        const bytes = randomBytes(1_000_000);
        const received: Buffer[] = [];
        const part = new Uint8Array(new ArrayBuffer(1 << 16));
        let sent = 0;
        await until(() => {
          if (sent < bytes.length) sent += Math.max(0, far.send(bytes, sent, bytes.length - sent));
          if (sent === bytes.length) sent++, far.shutdown("write");
          for (let count; (count = far.recv(part)) !== WOULD_BLOCK;) {
            if (count === 0) return true;
            received.push(Buffer.from(part.subarray(0, count)));
          }
          return received.reduce((sum, { length }) => sum + length, 0) === bytes.length;
        }, 30_000);
        expect(hash(Buffer.concat(received))).toBe(hash(bytes));
        expect(await exit).toBe(0);
        expect(isNonBlocking(given.fileno())).toBe(how !== "blocking");
      }
    });
  }

  it("as stdout, whose other end closes: exit 141 at once", async () => {
    await using silent = await peer(() => {});
    const [near, far] = socketPair();
    using given = near;
    const [command, args] = cliCommand(["client", silent.name]);
    const child = spawn(command, args, { cwd: root, stdio: ["pipe", given.fileno(), "inherit"] });
    const exit = new Promise((resolve) => child.on("exit", resolve));
    await silent.connection;
    far.close();
    expect(await exit).toBe(141);
  });
});

const isNonBlocking = (fd: number): boolean => {
  // By cat: Deno lets nobody read /proc without all permissions.
  const path = `/proc/${process.pid}/fdinfo/${fd}`;
  const info = spawnSync("cat", [path], { encoding: "utf8" }).stdout;
  return (parseInt(/flags:\s*(\d+)/.exec(info)![1]!, 8) & constants.O_NONBLOCK) !== 0;
};

/** A FIFO's two ends, both of them blocking, that this process shares with a client. */
function fifo(path: string): { reads: number; writes: number } {
  expect(spawnSync("mkfifo", [path]).status).toBe(0);
  const both = openSync(path, constants.O_RDWR); // so that neither open waits for the other
  const ends = {
    reads: openSync(path, constants.O_RDONLY),
    writes: openSync(path, constants.O_WRONLY),
  };
  closeSync(both);
  return ends;
}

describe("iomux client leaves the pipes that it shares blocking", () => {
  type Far = Awaited<ReturnType<typeof peer>>;
  const ways: [
    code: number | null,
    how: string,
    end: (far: Far, child: ChildProcess, ends: { typed: number; shown: number }) => unknown,
  ][] = [
    [0, "when stdin and the peer end", async (far, _, { typed }) => {
      closeSync(typed);
      (await far.connection).end();
    }],
    [5, "when the peer resets", async (far) => (await far.connection).resetAndDestroy()],
    [141, "when stdout's reader goes away", (_, __, { shown }) => closeSync(shown)],
    [130, "on SIGINT", (_, child) => process.kill(child.pid!, "SIGINT")],
    [143, "on SIGTERM", (_, child) => process.kill(child.pid!, "SIGTERM")],
    [null, "on SIGKILL", (_, child) => process.kill(child.pid!, "SIGKILL")],
  ];
  for (const [code, how, end] of ways) {
    it(`${how}: exit ${code}`, async () => {
      // Node does that itself, to stdin and stdout, as soon as anything imports node:process.
      const { bun, deno } = process.versions as Record<string, string | undefined>;
      if (bun === undefined && deno === undefined) return;
      using folder = new TempDir();
      const [input, output] = [fifo(folder.file("in")), fifo(folder.file("out"))];
      await using far = await peer((socket) => void socket.write("ready"));
      const [command, args] = cliCommand(["client", far.name]);
      const stdio = [input.reads, output.writes, "ignore"] as const;
      const child = spawn(command, args, { cwd: root, stdio: [...stdio] });
      const exit = new Promise((resolve) => child.on("exit", resolve));
      await far.connection;
      await promisify(read)(output.reads, Buffer.alloc(5), 0, 5, null);
      const flags = () => [input.reads, output.writes].map(isNonBlocking);
      expect(flags()).toEqual([false, false]);
      await end(far, child, { typed: input.writes, shown: output.reads });
      expect(await exit).toBe(code);
      expect(flags()).toEqual([false, false]);
      for (const fd of Object.values({ ...input, out: output.reads, to: output.writes })) {
        try {
          closeSync(fd);
        } catch {
          // It was closed as a part of the test.
        }
      }
    });
  }
});
