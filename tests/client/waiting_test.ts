// How the client waits: without waking up, for as long as it was told, and to no shorter end.
import { describe, expect, it } from "bun:test";
import { statSync } from "node:fs";
import { type Cli, readProc, spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { sleep, until } from "../support/waiting.ts";
import { FarEnd, PATIENCE_MS } from "./far_end.ts";
import { echoPeer, peer, shellClient } from "./peers.ts";

/** How often the main thread has gone to sleep and been woken: proc(5), status. */
const switches = (pid: number): number =>
  Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(readProc(`${pid}/status`))![1]);

/** Until the runtime's own work after its start is over. */
async function settled(cli: Cli): Promise<void> {
  await until(() => cli.stdout().includes("ready"), 15_000);
  for (let last = -1; last !== switches(cli.pid); await sleep(300)) last = switches(cli.pid);
}

describe("iomux client", () => {
  it("wakes up for nothing while neither side has anything", async () => {
    await using echo = await echoPeer();
    await using cli = spawnCli(["client", echo.name], { stdin: "pipe" });
    cli.child.stdin!.write("ready");
    await settled(cli);
    const before = switches(cli.pid);
    await sleep(2000);
    expect(switches(cli.pid)).toBe(before);
    cli.child.stdin!.end();
    expect((await cli.exit).code).toBe(0);
  });

  it("wakes up for nothing when stdin has ended and the peer is silent", async () => {
    await using silent = await peer((socket) => void socket.write("ready"));
    await using cli = spawnCli(["client", silent.name]);
    await settled(cli);
    const before = switches(cli.pid);
    await sleep(2000);
    expect(switches(cli.pid)).toBe(before);
  });

  it("takes durations of weeks, which are more than a timer of the runtime can be", async () => {
    await using echo = await echoPeer();
    const weeks = ["-w", "600h", "-q", "600h", "-i", "600h", "--grace", "600h"];
    await using cli = spawnCli(["client", echo.name, ...weeks], { stdin: "hello" });
    expect((await cli.exit).code).toBe(0);
    expect([cli.stdout(), cli.stderr()]).toEqual(["hello", ""]);
  });

  it("gives stdin 500 ms after the peer's end, or what --grace says", async () => {
    for (const [grace, least, most] of [[undefined, 500, 9000], ["2s", 2000, 9000]] as const) {
      await using brief = await peer((socket) => void socket.end("bye"));
      const options = grace === undefined ? [] : ["--grace", grace];
      await using cli = spawnCli(["client", brief.name, ...options], { stdin: "pipe" });
      await until(() => cli.stdout() === "bye", 15_000);
      const start = performance.now();
      expect((await cli.exit).code).toBe(0);
      const took = performance.now() - start;
      expect(took > least - 100 && took < most).toBe(true);
    }
  });

  it("says of what -q ends in transit that it is not taken yet: it arrives", async () => {
    using far = new FarEnd();
    const all = 1_000_000;
    await using cli = spawnCli(["client", "-q", "300ms", ...far.target], {
      stdin: Buffer.alloc(all),
    });
    const connection = await far.accept(cli.stderr);
    expect((await cli.exit).code).toBe(5);
    expect(cli.stderr()).toMatch(
      /^iomux: [\d,]+ bytes of standard input were not yet taken by the peer\n$/,
    );
    await connection.read(PATIENCE_MS);
    expect([connection.got, connection.ended]).toEqual([all, "FIN"]);
  });

  it("prints all that came when -q is over while stdout's reader is slow", async () => {
    const all = 300_000;
    await using far = await peer((socket) => void socket.end(Buffer.alloc(all)));
    using folder = new TempDir();
    const seen = folder.file("seen");
    const line = '"$@" </dev/null | (sleep 1; cat >"$SEEN")';
    await using cli = shellClient(line, ["-q", "200ms", far.name], { SEEN: seen });
    await cli.exit;
    expect([statSync(seen).size, cli.stderr]).toEqual([all, ""]);
  });

  it("ends by a signal that comes at any moment of its start or its wait", async () => {
    await using echo = await echoPeer();
    for (let i = 0; i < 8; i++) {
      await using cli = spawnCli(["client", echo.name], { stdin: "pipe" });
      cli.child.stdin!.write("ready");
      await cli.says(/ready/, "stdout");
      await sleep(i);
      cli.kill("SIGTERM");
      expect((await cli.exit).code).toBe(143);
    }
  });
});
