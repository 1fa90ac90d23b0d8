// The client on a terminal, and with streams that it shares with others: it leaves them as they are.
import { describe, expect, it } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { cliCommand, root, spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { sleep, until } from "../support/waiting.ts";
import { everything, peer } from "./peers.ts";

/** What happens once the terminal shows something: a text is typed, or anything else. */
type Event = readonly [shown: RegExp, then: string | (() => void)];

/**
 * Runs a shell line on a terminal of its own, in which `client` and `background` are iomux with these
 * arguments, and returns what the terminal shows. The events come one after the other.
 */
function onTerminal(line: string, args: string[], ...events: Event[]): Promise<string> {
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
    while (events[0]?.[0].test(shown)) {
      const [, then] = events.shift()!;
      if (typeof then === "string") child.stdin.write(then);
      else then();
    }
  });
  const guard = setTimeout(() => child.kill("SIGKILL"), 40_000);
  return new Promise((resolve) =>
    child.on("close", () => {
      clearTimeout(guard);
      resolve(shown.replaceAll("\r", ""));
    })
  );
}

/** Prints the flags of what the shell has as its terminal, and shares with all it starts. */
const FLAGS = 'echo "flags $(grep -o "[0-9]*$" /proc/$$/fdinfo/0 | sed -n 2p)"';

describe("iomux client on a terminal", () => {
  it("sends the lines that are typed, and ends with Ctrl-D", async () => {
    await using upper = await peer((socket) => {
      socket.on("data", (bytes) => socket.write(String(bytes).toUpperCase()));
      socket.on("end", () => socket.end());
    });
    const line = `client; echo "exit $?"; ${FLAGS}`;
    const typed: Event[] = [[/connected to/, "one\n"], [/ONE/, "two\n"], [/TWO/, "\x04"]];
    const shown = await onTerminal(line, ["client", "-v", upper.name], ...typed);
    expect(shown).toMatch(/one\nONE\ntwo\nTWO\n[^]*exit 0\n/);
    expect(nonBlocking(shown)).toBe(false);
  });

  it("ends at once when the peer ends", async () => {
    await using brief = await peer((socket) => void socket.end("bye\n"));
    // With a grace of an hour it would go on if the terminal counted as a stream that may give more.
    const line = `client; echo "exit $?"; ${FLAGS}`;
    const shown = await onTerminal(line, ["client", "--grace", "1h", brief.name]);
    expect(shown).toContain("bye\nexit 0");
    expect(nonBlocking(shown)).toBe(false);
  });

  for (const [key, code] of [["\x03", 130], ["reset", 5]] as const) {
    it(`leaves it blocking when it exits with ${code}`, async () => {
      await using silent = await peer(() => {});
      const line = `trap : INT; client; echo "exit $?"; ${FLAGS}`;
      const end: Event = [
        /connected to/,
        key === "reset" ? () => void silent.connection.then((it) => it.resetAndDestroy()) : key,
      ];
      const shown = await onTerminal(line, ["client", "-v", silent.name], end);
      expect(shown).toContain(`exit ${code}\n`);
      expect(nonBlocking(shown)).toBe(false);
    });
  }

  it("does not give it back the settings of its start, which another program has changed since", async () => {
    await using silent = await peer(() => {});
    // In the background, with another program that turns echo off meanwhile, as one that asks for a password.
    const line = "client </dev/null & read -r; stty -echo; echo changed; wait; " +
      'stty -a | grep -o "[-]*echo\\b"';
    const shown = await onTerminal(
      line,
      ["client", "-v", silent.name],
      [/connected to/, "\n"],
      [/changed/, () => void silent.connection.then((it) => it.end("bye\n"))],
    );
    expect(shown).toMatch(/bye[^]*-echo/);
  });

  it("nor does any other command, serve for one", async () => {
    const line = 'background & read -r; stty -echo; kill -TERM $!; wait $!; echo "exit $?"; ' +
      'stty -a | grep -o "[-]*echo\\b"';
    const serve = ["serve", "--host", "127.0.0.1", "--port", "0"];
    const shown = await onTerminal(line, serve, [/listening on/, "\n"]);
    expect(shown).toMatch(/exit 0\n-echo\n/);
  });
});

describe("iomux client whose stdout is a terminal that is not its own", () => {
  for (const words of [[], ["-l", "127.0.0.1:0"], ["--udp"]]) {
    it(`ends when that goes away, with no signal and at once: 141 (${words.join(" ")})`, async () => {
      using folder = new TempDir();
      await using silent = await peer(() => {});
      const [command, args] = cliCommand([
        "client",
        "-v",
        ...words,
        ...(words.includes("-l") ? [] : [silent.name]),
      ]);
      const quoted = [command, ...args].map((word) => `'${word}'`).join(" ");
      // In a session of its own, which has no terminal; stdin is a FIFO that stays open.
      const line = `mkfifo in; exec 3<>in; timeout 40 ${quoted} <&3 2>err; echo "exit $?" >end`;
      writeFileSync(folder.file("line"), line);
      const script = spawn("script", ["-qec", "setsid --wait sh ./line", "/dev/null"], {
        cwd: folder.path,
        stdio: ["pipe", "ignore", "inherit"],
      });
      const said = (name: string, what: RegExp) =>
        until(() => {
          try {
            return what.test(readFileSync(folder.file(name), "utf8"));
          } catch {
            return false;
          }
        }, 20_000);
      expect(await said("err", /connected to|listening on|from/)).toBe(true);
      await sleep(300);
      script.kill("SIGKILL");
      expect(await said("end", /^exit 141\n$/)).toBe(true);
    });
  }
});

function nonBlocking(shown: string): boolean {
  return (parseInt(/flags (\d+)/.exec(shown)![1]!, 8) & constants.O_NONBLOCK) !== 0;
}

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
