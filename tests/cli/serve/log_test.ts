// Text of others in a server's log: written as it is, and unable to end a line or to act on a terminal.
import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { Socket } from "../../../lib/net/mod.ts";
import { AF_UNIX } from "../../../lib/sys/constants.ts";
import { check } from "../../../lib/sys/errno.ts";
import { Native } from "../../../lib/sys/ffi.ts";
import { c } from "../../../lib/sys/posix.ts";
import { packAddress, SOCKADDR_SIZE } from "../../../lib/sys/socket/sockaddr.ts";
import { newSocket } from "../../../lib/sys/socket/sockets.ts";
import { type RunningServer, spawnCli, startServe } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { exchange, Peer } from "../../support/peers.ts";
import { sleep } from "../../support/waiting.ts";

const HOSTILE = 'bad {"user":1} {x}\n2026-01-01 [error] forged\r\u001b[2J\u009b1A\u202egnp';

/** A server whose handler throws an error with that text. */
async function throwing(folder: TempDir, ...args: string[]) {
  const handler = folder.file("handler.ts");
  writeFileSync(
    handler,
    `export default () => { throw new Error(${JSON.stringify(HOSTILE)}); };`,
  );
  return await startServe(["--handler", handler, ...args]);
}

/** What a server of `throwing` logs of a failure, which is one line. */
async function lineOfFailure(server: RunningServer): Promise<string> {
  using peer = Peer.dial(server);
  await peer.send("x");
  await server.says(/The handler failed/);
  await sleep(50);
  const lines = server.stderr().trimEnd().split("\n");
  expect(lines.length).toBe(1);
  return lines[0]!;
}

/** Connects a Unix socket that has a path of its own: bind(2), then connect(2). */
function connectFrom(own: string, path: string): Socket {
  const address = new Native(SOCKADDR_SIZE);
  const fd = newSocket(AF_UNIX);
  check(c.bind(fd, address.pointer, packAddress(address.view, own)), "bind");
  check(c.connect(fd, address.pointer, packAddress(address.view, path)), "connect");
  return Socket.fromFd(fd);
}

// deno-lint-ignore no-control-regex -- they are what must not be there
const ACTIVE = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

describe("serve and text of others in its log", () => {
  it("text: a line each, braces are no placeholders, what acts on a terminal is escaped", async () => {
    using folder = new TempDir();
    await using server = await throwing(folder);
    const line = await lineOfFailure(server);
    expect(line).toContain('bad {"user":1} {x}\\n2026-01-01 [error] forged\\r\\e[2J\\x9b1A');
    expect(server.stderr()).not.toMatch(ACTIVE);
  });

  it("--log-format json: the text comes back as it was, and the line has none of it bare", async () => {
    using folder = new TempDir();
    await using server = await throwing(folder, "--log-format", "json");
    const line = await lineOfFailure(server);
    const { message, level, ...others } = JSON.parse(line);
    expect(message).toContain(HOSTILE);
    expect(level).toBe("WARN");
    expect(Object.keys(others)).toEqual(["@timestamp", "logger", "properties"]);
    expect(server.stderr()).not.toMatch(ACTIVE);
  });

  it("--log-format json: each line is one object, those of --trace and of a failed start as well", async () => {
    await using server = await startServe([
      "--trace",
      "--log-format",
      "json",
      "--log-level",
      "debug",
    ]);
    using peer = Peer.dial(server);
    await peer.send('"a"\r');
    await peer.text(4);
    await using other = spawnCli(["serve", ...["-p", String(server.port)], ...[
      "-H",
      "127.0.0.1",
      "--log-format",
      "json",
    ]]);
    expect((await other.exit).code).toBe(3);
    peer.socket.close();
    await server.says(/ disconnected/);
    await server.stop();
    const lines = (server.stderr() + other.stderr()).trimEnd().split("\n");
    const records = lines.map((line) => JSON.parse(line));
    const keys = ["@timestamp", "level", "message", "logger", "properties"];
    for (const record of records) expect(Object.keys(record)).toEqual(keys);
    const of = (level: string) => records.filter((record) => record.level === level);
    expect(
      of("TRACE").some(({ message }) => /^received 4 bytes from 127.*"\\"a\\"\\r"$/.test(message)),
    ).toBe(true);
    expect(of("TRACE").every((record) => !isNaN(Date.parse(record["@timestamp"])))).toBe(true);
    expect(of("ERROR").map(({ message }) => message)).toEqual([
      `Cannot bind 127.0.0.1:${server.port}: EADDRINUSE (address already in use)`,
    ]);
  });

  it("--trace: the path of a Unix peer, which it chooses itself", async () => {
    if (process.platform !== "linux") return;
    using folder = new TempDir();
    const path = folder.file("socket");
    await using server = await startServe(["--unix", path, "--trace"]);
    const own = `${folder.path}/a\nfake disconnected\u001b[2J`;
    connectFrom(own, path).close();
    await server.says(/unix:.*a\\nfake disconnected\\e\[2J disconnected/);
    expect(server.stderr()).not.toMatch(ACTIVE);
  });

  it("--trace: payload", async () => {
    await using server = await startServe(["--trace"]);
    await exchange(server, "a\nb\u001b[2J\u202e\r");
    await server.says(/disconnected/);
    expect(server.stderr()).not.toMatch(ACTIVE);
    expect(server.stderr().split("\n").every((line) => line === "" || /^\d\d:\d\d/.test(line)))
      .toBe(true);
  });

  it("an error that ends it, with a name that was given", async () => {
    await using cli = spawnCli([
      "serve",
      "-H",
      "127.0.0.1",
      "-p",
      "0",
      "--handler",
      "no\u001b[2J\n",
    ]);
    expect((await cli.exit).code).toBe(2);
    expect(cli.stderr().trimEnd().split("\n").length).toBe(1);
    expect(cli.stderr()).not.toMatch(ACTIVE);
  });
});
