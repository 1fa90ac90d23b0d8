// A signal that comes before a command has said what it does with it: its default action, which ends the process
// as the shell's 143, 130 or 129 say, and leaves nothing behind.
import { describe, expect, it } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { spawnCli, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { NO_SIGNALS } from "../support/systems.ts";
import { sleep, until } from "../support/waiting.ts";

/** From before the runtime's first step to after the command's; how long that takes differs. */
const DELAYS_MS = [0, 2, 5, 10, 20, 30, 45, 60, 90, 150, 250];

/** The exit code where the command was told by its own handler; the shell's code of the signal is the same. */
const CODES = { SIGTERM: 143, SIGINT: 130, SIGHUP: 143 } as const;

if (NO_SIGNALS) console.log(`not run: early signals: ${NO_SIGNALS}`);
else {
  describe("a signal in a command's first moments", () => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      it(`${signal}: serve ends by it or drains, and its socket's file is gone`, async () => {
        using folder = new TempDir();
        const path = folder.file("socket");
        for (const ms of DELAYS_MS) {
          await using cli = spawnCli(["serve", "--unix", path], { stdin: "pipe" });
          await sleep(ms);
          cli.kill(signal);
          const end = await cli.exit;
          expect([{ code: null, signal }, { code: 0, signal: null }]).toContainEqual(end as never);
          expect([ms, existsSync(path)]).toEqual([ms, false]);
        }
      });

      it(`${signal}: serve ends while it waits for a handler's module, which never loads`, async () => {
        using folder = new TempDir();
        const source = 'import { writeSync } from "node:fs"; writeSync(1, "loading"); for (;;);';
        writeFileSync(folder.file("handler.ts"), source);
        const args = [
          "serve",
          "--unix",
          folder.file("socket"),
          "--handler",
          folder.file("handler.ts"),
        ];
        await using cli = spawnCli(args);
        await until(() => cli.stdout() !== "", 15_000);
        cli.kill(signal);
        expect(await cli.exit).toEqual({ code: 0, signal: null });
      });

      it(`${signal}: client and stress end by it, or with its code`, async () => {
        await using server = await startServe();
        const target = `127.0.0.1:${server.port}`;
        for (const args of [["client", target], ["stress", target, "-d", "20s", "-c", "1"]]) {
          for (const ms of DELAYS_MS) {
            await using cli = spawnCli(args, { stdin: "pipe" });
            await sleep(ms);
            cli.kill(signal);
            const end = await cli.exit;
            const told = { code: CODES[signal], signal: null };
            expect([{ code: null, signal }, told]).toContainEqual(end as never);
          }
        }
      });
    }
  });
}
