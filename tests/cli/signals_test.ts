// A signal that comes twice within microseconds, as GNU timeout sends it to a process and to its group: one.
import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Cli, spawnCli, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { Peer } from "../support/peers.ts";
import { itUnless, NO_SIGNALS } from "../support/systems.ts";
import { sleep } from "../support/waiting.ts";

/** Twice at once; and again while the first one is at work. */
async function burst(cli: Cli): Promise<void> {
  cli.kill("SIGTERM");
  cli.kill("SIGTERM");
  await sleep(50);
  cli.kill("SIGTERM");
}

describe("a signal that comes several times at once", () => {
  for (const command of ["stress", "probe"]) {
    itUnless(NO_SIGNALS, `is one to ${command}: its result is written`, async () => {
      using folder = new TempDir();
      const file = folder.file("x.json");
      await using server = await startServe(["--delay", "1h"]);
      const load = command === "stress" ? ["-d", "1h"] : ["silent", "drip"];
      await using cli = spawnCli([
        ...[command, server.name, ...load, "-c", "3", "--timeout", "100s", "-o", file],
      ]);
      await server.statsWhen(({ active }) => active >= 3);
      await burst(cli);
      expect([(await cli.exit).code, cli.stderr()]).toEqual([143, ""]);
      expect(existsSync(file)).toBe(true);
      expect(JSON.parse(readFileSync(file, "utf8")).interrupted).toBe(true);
    });
  }

  itUnless(NO_SIGNALS, "is one to serve: it drains", async () => {
    await using server = await startServe(["--drain-timeout", "20s"]);
    using peer = Peer.dial(server);
    await peer.send("x");
    expect(await peer.text(1)).toBe("x");
    await burst(server);
    await server.says(/Draining: 1 connection/);
    await sleep(100);
    expect(server.ended).toBe(false);
    await peer.send("y");
    expect(await peer.text(1)).toBe("y");
    peer.end();
    expect(await server.exit).toEqual({ code: 0, signal: null });
  });

  itUnless(NO_SIGNALS, "and another one, or the same later, is a second one", async () => {
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      await using server = await startServe(["--drain-timeout", "20s"]);
      using peer = Peer.dial(server);
      await peer.send("x");
      expect(await peer.text(1)).toBe("x");
      await burst(server);
      await server.says(/Draining/);
      if (signal === "SIGTERM") await server.killAgain(signal);
      else server.kill(signal);
      expect((await server.exit).code).toBe(code);
    }
  });
});
