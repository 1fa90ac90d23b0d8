// Standard streams that nobody reads, and that are full: results are written to their files, and signals end the wait.
import { describe, expect } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { getAvailablePort } from "../../lib/net/mod.ts";
import { cliCommand, spawnCli, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { sampleResult } from "../support/sample_results.ts";
import { itUnless, NO_SIGNALS } from "../support/systems.ts";
import { until } from "../support/waiting.ts";

/** `"$@"` with a full pipe in place of one of its streams; its process is the one that is started. */
const full = (redirection: string) =>
  `mkfifo "$D/full"; exec 4<>"$D/full"; head -c 65536 /dev/zero >&4; exec "$@" ${redirection}`;

function unread(redirection: string, args: string[], folder: TempDir) {
  const [command, all] = cliCommand(args);
  return spawnCli([], {
    through: ["sh", ["-c", full(redirection), "sh", command, ...all]],
    env: { D: folder.path },
  });
}

const LOADS = { stress: ["-c", "2", "-n", "50"], probe: ["reset"] };

describe("a standard stream that nobody reads", () => {
  for (const [name, load] of Object.entries(LOADS)) {
    itUnless(
      NO_SIGNALS,
      `stdout: ${name} writes its files, and a signal ends it`,
      async () => {
        using folder = new TempDir();
        await using server = await startServe();
        const file = folder.file("x.json");
        await using cli = unread(">&4", [name, server.name, ...load, "-o", file], folder);
        // It is there for a moment before the run, too, as what can be written to.
        const isWritten = () => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;
        expect(await until(isWritten, 20_000)).toBe(true);
        cli.kill("SIGTERM");
        expect([(await cli.exit).code, cli.stderr()]).toEqual([143, ""]);
      },
    );

    itUnless(NO_SIGNALS, `stderr: ${name} ends by itself, and its files are written`, async () => {
      using folder = new TempDir();
      const file = folder.file("x.json");
      const target = `127.0.0.1:${getAvailablePort()}`;
      await using cli = unread("2>&4", [name, target, ...load, "-o", file], folder);
      expect((await cli.exit).code).toBe(3);
      expect(existsSync(file)).toBe(true);
    });
  }

  itUnless(NO_SIGNALS, "stderr: report ends by itself, and its files are written", async () => {
    using folder = new TempDir();
    const [one, sum] = [folder.file("one.json"), folder.file("sum.json")];
    writeFileSync(one, JSON.stringify(sampleResult()));
    const args = ["report", one, folder.file("missing.json"), "-o", sum];
    await using cli = unread("2>&4", args, folder);
    expect((await cli.exit).code).toBe(1);
    expect(JSON.parse(readFileSync(sum, "utf8")).partial).toBe(true);
  });

  itUnless(NO_SIGNALS, "stderr: a run with --progress goes on, and a signal ends it", async () => {
    using folder = new TempDir();
    await using server = await startServe();
    const file = folder.file("x.json");
    const args = ["stress", server.name, "-c", "2", "-d", "1h", "--progress", "-o", file];
    await using cli = unread("2>&4", args, folder);
    await server.statsWhen(({ uptime_s, active }) => active >= 2 && uptime_s > 3);
    cli.kill("SIGTERM");
    expect((await cli.exit).code).toBe(143);
    expect(existsSync(file)).toBe(true);
  });
});
