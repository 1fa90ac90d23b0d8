// A signal that comes before a command has said what it does with it: its default action, which ends the process
// as the shell's 143, 130 or 129 say, and leaves nothing behind.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { closeSync, constants, existsSync, openSync, writeFileSync } from "node:fs";
import { spawnCli, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { NO_SIGNALS } from "../support/systems.ts";
import { sleep, until } from "../support/waiting.ts";

/** From before the runtime's first step to after the command's; how long that takes differs. */
const DELAYS_MS = [0, 2, 5, 10, 20, 30, 45, 60, 90, 150, 250];

/** The exit code where the command was told by its own handler; the shell's code of the signal is the same. */
const CODES = { SIGTERM: 143, SIGINT: 130, SIGHUP: 143 } as const;

/** Opens a FIFO for writing once somebody has opened it for reading (ENXIO before, fifo(7)). */
async function openedByReader(fifo: string): Promise<number> {
  let fd = -1;
  await until(() => {
    try {
      fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      // Not yet.
    }
    return fd >= 0;
  }, 15_000);
  return fd;
}

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

      it(`${signal}: a file that is a pipe, and says nothing, keeps no command`, async () => {
        using folder = new TempDir();
        const fifo = folder.file("fifo");
        expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
        const reading = [
          ["client", "127.0.0.1:1", "--script", fifo],
          ["client", "127.0.0.1:1", "--tls", "--tls-ca", fifo],
          ["client", "-l", "127.0.0.1:0", "--tls", "--tls-cert", fifo, "--tls-key", fifo],
          ["serve", "-p", "0", "--tls-cert", fifo, "--tls-key", fifo],
          ["stress", "127.0.0.1:1", "--message-file", fifo],
        ];
        for (const args of reading) {
          await using cli = spawnCli(args, { stdin: "pipe" });
          const writer = await openedByReader(fifo);
          cli.kill(signal);
          expect([args, await cli.exit]).toEqual([args, { code: null, signal }]);
          closeSync(writer);
        }
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
