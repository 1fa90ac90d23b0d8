// One failure has one wording, whatever the command; and outputs that fail lose nothing else.
import { describe, expect, it } from "bun:test";
import { openSync, readFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { cliCommand, root, spawnCli } from "../support/cli.ts";
import { answering } from "../support/misbehaving.ts";
import { TempDir } from "../support/files.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { Socket } from "../../lib/net/mod.ts";
import { itUnless } from "../support/systems.ts";

async function run(...args: string[]) {
  await using cli = spawnCli(args);
  const { code } = await cli.exit;
  return { code, stdout: cli.stdout(), stderr: cli.stderr() };
}

describe("a target that can't be reached", () => {
  const same: [target: string[], code: number, says: RegExp][] = [
    [
      ["127.0.0.1:1"],
      3,
      /^iomux: Cannot connect to 127\.0\.0\.1:1: ECONNREFUSED \(connection refused\)\n$/,
    ],
    [
      ["--unix", "/nonexistent/s"],
      3,
      /^iomux: Cannot connect to unix:\/nonexistent\/s: ENOENT \(no such file or directory\)\n$/,
    ],
    [["nohost.invalid:1"], 3, /^iomux: Cannot resolve nohost\.invalid: \w+ \([a-z ]+\)\n$/],
    [
      ["[fe80::1%nosuch]:1"],
      3,
      /^iomux: Cannot find the interface nosuch: ENODEV \(no such device\)\n$/,
    ],
    [["127.0.0.1:x"], 2, /^iomux: Unknown service "x": write its port, from 1 to 65535\n$/],
    [["127.0.0.1:+1"], 2, /^iomux: Invalid port "\+1": ports go from 1 to 65535\n$/],
    [["127.0.0.1:70000"], 2, /^iomux: Invalid port 70000: ports go from 1 to 65535\n$/],
    [["127.0.0.1:0"], 2, /^iomux: Invalid port 0: ports go from 1 to 65535\n$/],
    [["*:1"], 2, /^iomux: Invalid address "\*": it is every address, .* for listening only\n$/],
    [
      ["http://127.0.0.1:1"],
      2,
      /^iomux: Invalid address ".*": use HOST:PORT, without http:\/\/\n$/,
    ],
  ];
  for (const [target, code, says] of same) {
    it(`is called the same by client, stress and probe: ${target.join(" ")}`, async () => {
      const all = await Promise.all([
        run("client", ...target),
        run("stress", ...target, "-c", "1", "-n", "1"),
        run("probe", ...target, "-c", "1"),
      ]);
      for (const ended of all) {
        expect([ended.code, ended.stdout]).toEqual([code, ""]);
        expect(ended.stderr).toMatch(says);
      }
      expect(new Set(all.map(({ stderr }) => stderr)).size).toBe(1);
    });
  }

  it("and an address to listen on have the same words where an interface is not there", async () => {
    for (
      const args of [
        ["serve", "-H", "fe80::1%nosuch", "-p", "0"],
        ["serve", "--udp", "-H", "fe80::1%nosuch", "-p", "0"],
        ["serve", "-H", "127.0.0.1", "-p", "0", "--metrics", "[fe80::1%nosuch]:0"],
        ["client", "-l", "[fe80::1%nosuch]:0"],
        ["client", "-s", "fe80::1%nosuch", "[::1]:1"],
      ]
    ) {
      const { code, stdout, stderr } = await run(...args);
      expect([args, code, stdout]).toEqual([args, 3, ""]);
      expect(stderr).toMatch(
        /^iomux: Cannot (find the interface|.* on \[fe80::1%nosuch\]:0.*)\b.*: ENODEV \(no such device\)\n$/,
      );
    }
  });

  it("from a source that this machine does not have names the source", async () => {
    const { code, stderr } = await run("stress", "127.0.0.1:1", "-c", "1", "--source", "192.0.2.7");
    expect(code).toBe(3);
    expect(stderr).toMatch(/^iomux: Cannot (bind|connect) .*192\.0\.2\.7.*: EADDRNOTAVAIL \(/);
  });

  it("at an address of the source's family only", async () => {
    using listener = Socket.listen({ host: "::1" });
    const name = `localhost:${listener.port}`;
    const { code, stderr } = await run("stress", name, "-c", "1", "--source", "127.0.0.7");
    expect(code).toBe(3);
    expect(stderr).toMatch(/^iomux: Cannot connect to 127\.0\.0\.1:\d+: ECONNREFUSED/);
  });

  it("is said without its line feeds and escapes", async () => {
    const { code, stderr } = await run("stress", "a\x1b[2J\nb");
    expect(code).toBe(2);
    expect(stderr).toBe(
      'iomux: Invalid address "a\\e[2J b": use HOST:PORT, or [HOST]:PORT for IPv6\n',
    );
  });
});

describe("a target that takes no connection in time", () => {
  it("has the same words in client, stress and probe: exit 4", async () => {
    using full = Socket.listen({ host: "127.0.0.1", backlog: 0 });
    // The kernel takes backlog + 1 connections, and drops the SYNs of the others.
    using waiting = new DisposableStack();
    for (let i = 0; i < 3; i++) waiting.use(Socket.connect({ host: "127.0.0.1", port: full.port }));
    await sleep(100);
    const name = `127.0.0.1:${full.port}`;
    for (
      const args of [
        ["client", name, "-w", "300ms"],
        ["stress", name, "-c", "2", "-n", "2", "--timeout", "300ms"],
        ["probe", name, "reset", "--timeout", "300ms"],
      ]
    ) {
      const { code, stderr } = await run(...args);
      expect([args, code, stderr]).toEqual([
        args,
        4,
        `iomux: Cannot connect to ${name} within 300 ms: ETIMEDOUT (connection timed out)\n`,
      ]);
    }
  });
});

/** Runs with stdout and stderr on files of the system; returns the exit code. */
async function writingTo(paths: [stdout: string, stderr: string], ...args: string[]) {
  const [command, all] = cliCommand(args);
  const [out, err] = paths.map((path) => openSync(path, "w"));
  const child = spawn(command, all, { cwd: root, stdio: ["ignore", out!, err!] });
  return await new Promise<number | null>((resolve) => child.on("exit", resolve));
}

const NO_FULL = process.platform === "linux" ? undefined : "only Linux has /dev/full";

describe("an output that fails", () => {
  itUnless(NO_FULL, "is said, and ends with 1, in every command that prints", async () => {
    using folder = new TempDir();
    for (const args of [["--version"], ["--help"], ["serve", "--help"], ["info"]]) {
      const err = folder.file("err");
      expect([args, await writingTo(["/dev/full", err], ...args)]).toEqual([args, 1]);
      expect(readFileSync(err, "utf8"))
        .toMatch(/^iomux: Cannot write to stdout: ENOSPC \(no space left on device\)\n$/);
    }
  });

  itUnless(NO_FULL, "is said in the same words by client", async () => {
    using folder = new TempDir();
    await using server = await answering((message) => message, 1);
    const [command, all] = cliCommand(["client", server.name]);
    const err = folder.file("err");
    const child = spawn(command, all, {
      cwd: root,
      stdio: ["pipe", openSync("/dev/full", "w"), openSync(err, "w")],
    });
    child.stdin!.end("a");
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(1);
    expect(readFileSync(err, "utf8"))
      .toBe("iomux: Cannot write to stdout: ENOSPC (no space left on device)\n");
  });

  itUnless(NO_FULL, "never costs a load's files, nor does a stderr that fails", async () => {
    using folder = new TempDir();
    const json = folder.file("run.json");
    const args = ["stress", "-c", "2", "-n", "50", "-o", json];
    expect(await writingTo(["/dev/full", "/dev/full"], ...args)).toBe(1);
    expect(JSON.parse(readFileSync(json, "utf8")).messages.verified).toBe(50);
  });

  itUnless(NO_FULL, "does not change the exit code of what goes wrong otherwise", async () => {
    expect(await writingTo(["/dev/null", "/dev/full"], "stress", "-c", "0")).toBe(2);
    expect(await writingTo(["/dev/null", "/dev/full"], "client", "127.0.0.1:1")).toBe(3);
  });
});
