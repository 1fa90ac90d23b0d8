// The client on a terminal, and with streams that it shares with others: it leaves them as they are.
import { describe, expect, it } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { cliCommand, root, spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { sleep, until } from "../support/waiting.ts";
import { everything, peer } from "./peers.ts";

/**
 * Runs a shell line on a terminal of its own, in which `client` and `background` are iomux with these
 * arguments, and returns what the terminal shows. A line is typed once it shows `ready`.
 */
function onTerminal(line: string, args: string[], ready?: RegExp): Promise<string> {
  const [command, all] = cliCommand(args);
  const quoted = [command, ...all].map((word) => `'${word}'`).join(" ");
  const functions = `client() { ${quoted}; }; background() { exec ${quoted}; }`;
  const child = spawn("script", ["-qec", `${functions}; ${line}`, "/dev/null"], {
    cwd: root,
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, SHELL: "/bin/bash" },
  });
  let shown = "";
  child.stdout.on("data", (chunk) => {
    shown += chunk;
    if (ready?.test(shown)) child.stdin.end("\n");
  });
  const guard = setTimeout(() => child.kill("SIGKILL"), 30_000);
  return new Promise((resolve) =>
    child.on("close", () => {
      clearTimeout(guard);
      resolve(shown.replaceAll("\r", ""));
    })
  );
}

describe("iomux client on a terminal", () => {
  it("ends at once when the peer ends", async () => {
    await using brief = await peer((socket) => void socket.end("bye\n"));
    const start = performance.now();
    const shown = await onTerminal('client; echo "exit $?"', ["client", brief.name]);
    expect(shown).toContain("bye\nexit 0");
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it("does not give it back the settings of its start, which another program has changed since", async () => {
    await using brief = await peer((socket) => {
      setTimeout(() => socket.end("bye\n"), 1500);
    });
    // In the background, with another program that turns echo off meanwhile, as one that asks for a password.
    const line = 'client </dev/null & sleep 1; stty -echo; wait; stty -a | grep -o "[-]*echo\\b"';
    const shown = await onTerminal(line, ["client", brief.name]);
    expect(shown).toMatch(/bye[^]*-echo/);
  });

  it("nor does any other command, serve for one", async () => {
    const line = 'background & read -r; stty -echo; kill -TERM $!; wait $!; echo "exit $?"; ' +
      'stty -a | grep -o "[-]*echo\\b"';
    const serve = ["serve", "--host", "127.0.0.1", "--port", "0"];
    const shown = await onTerminal(line, serve, /listening on/);
    expect(shown).toMatch(/exit 0\n-echo\n/);
  });
});

describe("iomux client and a FIFO that others read, too", () => {
  it("goes on when another one was quicker, and ends on SIGTERM", async () => {
    using folder = new TempDir();
    const fifo = folder.file("fifo");
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
    const writer = openSync(fifo, constants.O_RDWR);
    try {
      await using all = await peer(() => {});
      const [command, args] = cliCommand(["client", all.name]);
      const through: [string, string[]] = [
        "sh",
        ["-c", 'fifo=$1; shift; exec "$@" <"$fifo"', "sh", fifo, command, ...args],
      ];
      await using a = spawnCli([], { through });
      await using b = spawnCli([], { through });
      await using c = spawnCli([], { through });
      await until(() => all.connections.length === 3, 15_000);
      await sleep(300);
      for (let i = 0; i < 20; i++) {
        writeSync(writer, "x");
        await sleep(10);
      }
      for (const client of [a, b, c]) {
        client.kill("SIGTERM");
        const { code } = await client.exit;
        expect(code).toBe(143);
      }
    } finally {
      closeSync(writer);
    }
  });

  it("gets what is in it when its writers have gone already, and the end", async () => {
    await using late = await peer(async (socket) => {
      const got = await everything(socket);
      socket.end(`got ${got}`);
    });
    using folder = new TempDir();
    const fifo = folder.file("fifo");
    const [command, args] = cliCommand(["client", late.name]);
    // The shell's descriptor 3 keeps the FIFO open until the writer has ended.
    const line = 'mkfifo "$1"; exec 3<>"$1"; echo words >&3; exec <"$1" 3>&-; shift; exec "$@"';
    const through: [string, string[]] = ["sh", ["-c", line, "sh", fifo, command, ...args]];
    await using client = spawnCli([], { through });
    expect((await client.exit).code).toBe(0);
    expect(client.stdout()).toBe("got words\n");
  });
});
