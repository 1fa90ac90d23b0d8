// Outputs that fail, for every command: a full disk, a pipe without a reader, a terminal that is gone. A
// result's files are written all the same, and a server serves.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cliCommand, root, spawnCli, startServe } from "../support/cli.ts";
import { DatagramSocket } from "../../lib/net/mod.ts";
import { encode } from "../support/sockets.ts";
import { TempDir } from "../support/files.ts";
import { exchange } from "../support/peers.ts";
import { HIDES_CLOSED, onWindows } from "../support/systems.ts";
import { NO_TERMINAL, shellLine } from "../support/terminal.ts";
import { until } from "../support/waiting.ts";

/** A line for sh that runs `"$@"` with stdout and stderr on what fails, and writes its exit code to $CODE. */
const RUN =
  'IN=/dev/null; [ -e "$STDIN" ] && IN=$STDIN; "$@" <$IN; echo $? >$CODE.new; mv $CODE.new $CODE';

const OUTPUTS: readonly [what: string, script: string, code: number][] = [
  ["a full disk", `{ ${RUN}; } >/dev/full 2>/dev/full`, 1],
  [
    "a pipe without a reader",
    `mkfifo $CODE.p; exec 4<>$CODE.p 5>$CODE.p 4<&-; { ${RUN}; } >&5 2>&5`,
    141,
  ],
  ["closed descriptors", `{ ${RUN}; } >&- 2>&-`, HIDES_CLOSED ? 0 : 1],
];

/**
 * On a terminal whose other side is closed before the program starts. It is a session of its own, as what
 * belongs to the terminal's would get SIGHUP.
 */
const GONE = `setsid sh -c 'echo $$ >$CODE.pid; until [ -e $CODE.go ]; do sleep 0.02; done; ${
  RUN.replaceAll("'", "")
}' sh "$@" & until [ -s $CODE.pid ]; do sleep 0.02; done`;

interface Surroundings {
  readonly folder: TempDir;
  readonly port: number;
  /** A result of stress. */
  readonly result: string;
}

interface Case {
  readonly args: (of: Surroundings) => string[];
  /** Also written, whatever the outputs do. */
  readonly file?: string;
  readonly stdin?: string;
  /** The exit code on a terminal that is gone: to the client it is a reader that has. */
  readonly gone?: number;
}

const COMMANDS: Readonly<Record<string, Case>> = {
  "--help": { args: () => ["--help"] },
  "--version": { args: () => ["--version"] },
  "serve --help": { args: () => ["serve", "--help"] },
  completion: { args: () => ["completion", "bash"] },
  info: { args: () => ["info"] },
  "client -z": { args: ({ port }) => ["client", "-z", `127.0.0.1:${port}`], gone: 141 },
  client: {
    args: ({ port }) => ["client", `127.0.0.1:${port}`],
    ...{ stdin: "hello\n", gone: 141 },
  },
  stress: {
    args: ({ folder, port }) => [
      ...["stress", `127.0.0.1:${port}`, "-c", "2", "-n", "50", "-o", folder.file("s.json")],
    ],
    file: "s.json",
  },
  probe: {
    args: (
      { folder, port },
    ) => ["probe", `127.0.0.1:${port}`, "reset", "-o", folder.file("p.json")],
    file: "p.json",
  },
  report: {
    args: ({ folder, result }) => ["report", result, "-o", folder.file("r.md")],
    file: "r.md",
  },
};

async function surroundings(folder: TempDir, port: number): Promise<Surroundings> {
  const result = folder.file("made.json");
  await using cli = spawnCli(["stress", `127.0.0.1:${port}`, "-c", "1", "-n", "20", "-o", result]);
  expect((await cli.exit).code).toBe(0);
  return { folder, port, result };
}

/** Runs a command with outputs that fail; returns its exit code. */
async function codeOf(
  { folder, ...rest }: Surroundings,
  { args, file, stdin }: Case,
  script: string,
  isTerminal = false,
): Promise<number> {
  const code = folder.file(`code${Math.random()}`);
  const input = folder.file("stdin");
  if (stdin !== undefined) writeFileSync(input, stdin);
  const env = { ...process.env, CODE: code, STDIN: stdin === undefined ? "" : input };
  const [command, all] = cliCommand(args({ folder, ...rest }));
  const shell = ["sh", "-c", script, "sh", command, ...all];
  const options = { cwd: root, env, stdio: "ignore", timeout: 40_000 } as const;
  if (isTerminal) {
    spawnSync("script", ["-qec", shellLine(shell), "/dev/null"], options);
    writeFileSync(`${code}.go`, "");
  } else spawnSync(shell[0]!, shell.slice(1), options);
  expect(await until(() => existsSync(code), 40_000)).toBe(true);
  if (file !== undefined) {
    expect(readFileSync(folder.file(file), "utf8")).toMatch(/reset|verified|of 20/);
  }
  return Number(readFileSync(code, "utf8"));
}

if (onWindows) console.log("not run: outputs that fail: Windows has no /dev/full");
else {
  describe("outputs that fail", () => {
    for (const [name, command] of Object.entries(COMMANDS)) {
      it(`${name}: nothing else is lost, and the exit code says so`, async () => {
        using folder = new TempDir();
        await using server = await startServe();
        const around = await surroundings(folder, server.port);
        for (const [what, script, expected] of OUTPUTS) {
          const code = await codeOf(around, command, script);
          expect([what, code]).toEqual([what, expected]);
        }
        if (NO_TERMINAL) return console.log(`not run: a terminal that is gone: ${NO_TERMINAL}`);
        expect(await codeOf(around, command, GONE, true)).toBe(command.gone ?? 1);
      });
    }

    it("serve --udp: serves, and ends in order, on a full disk", async () => {
      using other = DatagramSocket.bind({ host: "127.0.0.1" }); // so that its port is nobody's
      const { port } = other;
      const args = ["serve", "--udp", "-H", "127.0.0.2", "-p", `${port}`, "--stats"];
      const [command, all] = cliCommand(args);
      await using cli = spawnCli([], {
        through: ["sh", ["-c", 'exec "$@" >/dev/full', "sh", command, ...all]],
      });
      using socket = DatagramSocket.bind({ host: "127.0.0.3" });
      const buffer = new Uint8Array(16);
      const isAnswered = () => {
        socket.sendTo(encode("hello"), { host: "127.0.0.2", port });
        return socket.recvFrom(buffer)?.bytes === 5;
      };
      expect(await until(isAnswered, 20_000)).toBe(true);
      cli.kill("SIGUSR1");
      expect(await until(isAnswered, 20_000)).toBe(true);
      expect([await cli.stop(), cli.stderr()]).toEqual([{ code: 0, signal: null }, ""]);
    });

    it("serve: serves, and ends in order, on a terminal that is gone", async () => {
      if (NO_TERMINAL) return console.log(`not run: serve on a lost terminal: ${NO_TERMINAL}`);
      using folder = new TempDir();
      const [path, code] = [folder.file("s.sock"), folder.file("code")];
      const [command, all] = cliCommand(["serve", "--unix", path, "--trace", "--stats"]);
      const shell = [
        "sh",
        "-c",
        GONE.replace('"$@" <$IN;', '"$@" & echo $! >$CODE.serve; wait $!;'),
      ];
      spawnSync("script", ["-qec", shellLine([...shell, "sh", command, ...all]), "/dev/null"], {
        cwd: root,
        env: { ...process.env, CODE: code },
        stdio: "ignore",
      });
      writeFileSync(`${code}.go`, "");
      expect(await until(() => existsSync(path), 20_000)).toBe(true);
      for (let i = 0; i < 3; i++) {
        expect(new TextDecoder().decode(await exchange({ path }, "hello"))).toBe("hello");
      }
      process.kill(Number(readFileSync(`${code}.serve`, "utf8")), "SIGTERM");
      expect(await until(() => existsSync(code), 20_000)).toBe(true);
      expect([readFileSync(code, "utf8").trim(), existsSync(path)]).toEqual(["0", false]);
    });
  });
}
