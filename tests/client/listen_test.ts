// iomux client -l: one connection, or with -k one after the other.
import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { getAvailablePort, Socket } from "../../lib/net/mod.ts";
import { type Cli, spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { until } from "../support/waiting.ts";
import { shellClient } from "./peers.ts";

const client = (...args: string[]): Cli => spawnCli(["client", ...args]);
const talking = (stdin: string, ...args: string[]): Cli => spawnCli(["client", ...args], { stdin });

describe("iomux client -l", () => {
  /** Once it listens: a port that the system has chosen. */
  async function listening(...args: string[]): Promise<Cli & { port: string }> {
    const cli = spawnCli(["client", "-l", "127.0.0.1:0", ...args], { stdin: "pipe" });
    const [, port] = await cli.says(/listening on 127\.0\.0\.1:(\d+)/);
    return Object.assign(cli, { port: port! });
  }

  it("accepts one connection, and is then a client", async () => {
    await using listener = await listening();
    await using other = talking("a file\n", "127.0.0.1", listener.port);
    await listener.says(/a file\n/, "stdout");
    listener.child.stdin!.end("its answer\n");
    expect((await other.exit).code).toBe(0);
    expect(other.stdout()).toBe("its answer\n");
    expect((await listener.exit).code).toBe(0);
    await using late = client("127.0.0.1", listener.port);
    expect((await late.exit).code).toBe(3);
  });

  it("listens on every address of a name, on one port", async () => {
    const listener = spawnCli(["client", "-kl", "localhost:0"], { stdin: "pipe" });
    await using _ = listener;
    const [, four] = await listener.says(/listening on 127\.0\.0\.1:(\d+)/);
    const [, six] = await listener.says(/listening on \[::1\]:(\d+)/);
    expect(six).toBe(four);
    for (const host of ["127.0.0.1", "::1"]) {
      await using other = talking(`by ${host}`, host, four!);
      expect((await other.exit).code).toBe(0);
      await listener.says(new RegExp(`by ${host}`), "stdout");
    }
  });

  it("with -4 or -6 listens on addresses of one family only", async () => {
    await using listener = spawnCli(["client", "-6", "-l", "localhost:0"], { stdin: "pipe" });
    const [, port] = await listener.says(/listening on \[::1\]:(\d+)/);
    await using other = client("127.0.0.1", port!);
    expect((await other.exit).code).toBe(3);
    expect(listener.stderr()).not.toContain("127.0.0.1");
  });

  it("with -k takes one after the other, until a signal", async () => {
    await using listener = await listening("-k");
    for (const word of ["one ", "two ", "three "]) {
      await using other = talking(word, "127.0.0.1", listener.port);
      expect((await other.exit).code).toBe(0);
      await listener.says(new RegExp(word), "stdout");
    }
    expect(listener.stdout()).toBe("one two three ");
    listener.kill("SIGINT");
    expect((await listener.exit).code).toBe(130);
  });

  it("with -k and -i ends an idle connection with a line, and listens on", async () => {
    await using listener = await listening("-k", "-i", "500ms");
    for (const times of [1, 2]) {
      await using idle = spawnCli(["client", "127.0.0.1", listener.port], { stdin: "pipe" });
      idle.child.stdin!.write("x");
      await listener.says(new RegExp(`(nothing came or went for 500 ms\n[^]*){${times}}`));
    }
    expect(listener.stdout()).toBe("xx");
    listener.kill("SIGTERM");
    expect((await listener.exit).code).toBe(143);
  });

  it("with -k ends when stdout's reader has gone: exit 141", async () => {
    const line = '{ "$@" </dev/null; echo "exit $?" >&2; } | true';
    await using listener = shellClient(line, ["-k", "-l", "127.0.0.1:0"]);
    const port = () => /listening on 127\.0\.0\.1:(\d+)/.exec(listener.stderr)?.[1];
    await until(() => port() !== undefined, 15_000);
    await using _ = talking("words", "127.0.0.1", port()!);
    expect(await until(() => listener.stderr.includes("exit 141\n"), 15_000)).toBe(true);
  });

  it("listens on a Unix socket, whose file it removes, however it is written", async () => {
    using folder = new TempDir();
    const path = folder.file("s");
    for (const words of [["-vl", path], ["-v", "-l", "-U", path], ["-vlU", path], ["-Us", "-lv"]]) {
      const cwd = folder.file("");
      await using listener = spawnCli(["client", ...words], { stdin: "pipe", cwd });
      await listener.says(/listening on unix:/);
      await using other = talking("local", "-U", path);
      expect((await other.exit).code).toBe(0);
      expect((await listener.exit).code).toBe(0);
      expect(listener.stdout()).toBe("local");
      expect(existsSync(path)).toBe(false);
    }
  });

  it("replaces the file of a socket that nobody listens on, and nothing else", async () => {
    using folder = new TempDir();
    const path = folder.file("s");
    Socket.listen({ path }).close();
    // Without -k: a connection that only asks who is there would be the one that is waited for.
    await using listener = spawnCli(["client", "-vl", path], { stdin: "pipe" });
    await listener.says(/listening on unix:/);
    await using second = client("-l", path);
    expect((await second.exit).code).toBe(3);
    expect(second.stderr()).toMatch(/Cannot bind unix:.*, where a server is listening: EADDRINUSE/);
    await using other = talking("still there", "-U", path);
    expect((await other.exit).code).toBe(0);
    expect([(await listener.exit).code, listener.stdout()]).toEqual([0, "still there"]);
    writeFileSync(folder.file("text"), "kept");
    await using third = client("-l", folder.file("text"));
    expect((await third.exit).code).toBe(3);
    expect(readFileSync(folder.file("text"), "utf8")).toBe("kept");
  });

  it("takes other switches before and behind, and the port as a word of its own", async () => {
    for (const words of [["-lkv"], ["-kvl"], ["-l", "-k", "-v"], ["-vk", "--listen"]]) {
      await using listener = spawnCli(["client", ...words, "127.0.0.1", "0"], { stdin: "pipe" });
      await listener.says(/listening on 127\.0\.0\.1:/);
    }
    const port = getAvailablePort();
    await using joined = spawnCli(["client", `-kvl${port}`], { stdin: "pipe" });
    await joined.says(new RegExp(`listening on 0\\.0\\.0\\.0:${port}\n`));
    for (const words of [[":0"], ["*:0"], ["*", "0"]]) {
      await using every = spawnCli(["client", "-l", ...words], { stdin: "pipe" });
      await every.says(/listening on 0\.0\.0\.0:/);
    }
    await using six = spawnCli(["client", "-vl6", "0"], { stdin: "pipe" });
    await six.says(/listening on \[::\]:/);
  });

  it("cannot have a port that is taken: exit 3", async () => {
    using taken = Socket.listen({ host: "127.0.0.1" });
    await using cli = client("-l", `127.0.0.1:${taken.port}`);
    expect((await cli.exit).code).toBe(3);
    expect(cli.stderr()).toMatch(/EADDRINUSE/);
  });
});
