// The client's standard streams: files, pipes, devices, and none at all.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:fs";
import { spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { sleep } from "../support/waiting.ts";
import { echoPeer, everything, peer, shellClient } from "./peers.ts";

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
    const line = '"$@" | { sleep 0.5; dd bs=4000 count=10 2>/dev/null; sleep 0.3; cat; } >"$OUT"';
    const files = { OUT: folder.file("out") };
    await using client = shellClient(line, [brief.name], files);
    await sleep(400);
    expect(statSync(files.OUT).size).toBe(0);
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

  it("closed: it ends without a trace of an exception", async () => {
    await using brief = await peer((socket) => void socket.end("words"));
    await using client = shellClient('exec "$@" >&-', [brief.name]);
    // Node opens /dev/null in its place.
    expect([0, 141]).toContain(await client.exit);
    expect(client.stderr).toBe("");
  });

  it("full: exit 1, in one line", async () => {
    await using brief = await peer((socket) => void socket.end("words"));
    await using client = shellClient('exec "$@" >/dev/full', [brief.name]);
    expect(await client.exit).toBe(1);
    expect(client.stderr).toMatch(/^iomux: .*ENOSPC.*\n$/);
  });
});

describe("iomux client leaves its streams as they are", () => {
  it("does not make the shared pipes non-blocking", async () => {
    // Node does that itself, to stdin and stdout, as soon as anything imports node:process.
    const { bun, deno } = process.versions as Record<string, string | undefined>;
    if (bun === undefined && deno === undefined) return;
    using folder = new TempDir();
    const files = { IN: folder.file("in"), OUT: folder.file("out") };
    expect(spawnSync("mkfifo", [files.IN, files.OUT]).status).toBe(0);
    // Both ends, so that neither open waits for the other side.
    const ends = [files.IN, files.OUT].map((path) => openSync(path, constants.O_RDWR));
    try {
      await using echo = await echoPeer();
      await using client = shellClient('exec "$@" <"$IN" >"$OUT"', [echo.name], files);
      const socket = await echo.connection;
      socket.write("something");
      await sleep(300);
      for (const fd of [0, 1]) {
        // By cat: Deno lets nobody read /proc without all permissions.
        const path = `/proc/${client.child.pid}/fdinfo/${fd}`;
        const info = spawnSync("cat", [path], { encoding: "utf8" }).stdout;
        const flags = parseInt(/flags:\s*(\d+)/.exec(info)![1]!, 8);
        expect([fd, flags & constants.O_NONBLOCK]).toEqual([fd, 0]);
      }
    } finally {
      for (const fd of ends) closeSync(fd);
    }
  });
});
