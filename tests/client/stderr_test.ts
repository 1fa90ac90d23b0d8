// A standard error that nobody reads: what is said there holds up neither bytes nor signals, nor the end for long.
import { describe, expect, it } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { getAvailablePort } from "../../lib/net/mod.ts";
import { startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { until } from "../support/waiting.ts";
import { echoPeer, everything, peer, shellClient } from "./peers.ts";

/** Stderr is a pipe that is full and that nobody reads; how the client ends is said on the shell's. */
const BLOCKED = (before: string, after = "") =>
  'exec 3>&2; mkfifo "$D/full"; exec 4<>"$D/full"; head -c 65536 /dev/zero >&4; ' +
  `${before} { exec 5<&0; "$@" <&5 2>&4 & echo "pid $!" >&3; wait $!; echo "exit $?" >&3; }${after}`;

async function blocked(
  line: [before: string, after?: string],
  args: string[],
  use: (client: ReturnType<typeof shellClient>, folder: TempDir) => Promise<void>,
): Promise<void> {
  using folder = new TempDir();
  const env = { D: folder.path, OUT: folder.file("out") };
  await using client = shellClient(BLOCKED(...line), args, env);
  await use(client, folder);
}

const ends = async (client: { stderr: string }, code: number) => {
  await until(() => /exit \d+\n/.test(client.stderr), 12_000);
  expect(client.stderr).toContain(`exit ${code}\n`);
};

describe("a stderr that nobody reads", () => {
  for (const option of ["-v", "-x"]) {
    it(`does not hold up what goes over the connection with ${option}`, async () => {
      await using late = await peer(async (socket) => {
        const got = await everything(socket);
        socket.end(`${got.length} bytes`);
      });
      await blocked(
        ["head -c 3000000 /dev/zero |", ' >"$OUT"'],
        [option, late.name],
        async (client, folder) => {
          await ends(client, 0);
          expect(readFileSync(folder.file("out"), "utf8")).toBe("3000000 bytes");
        },
      );
    });
  }

  const never = 'expect "never" 99s\n';
  for (const options of [["-v"], ["-x"], ["-v", "--script", "S"], ["-v", "--udp"]]) {
    it(`does not keep a signal from ending ${options.join(" ")}: 143`, async () => {
      await using much = await peer((socket) => void socket.write(Buffer.alloc(1_000_000)));
      using steps = new TempDir();
      writeFileSync(steps.file("s"), never);
      const all = options.map((word) => word === "S" ? steps.file("s") : word);
      await blocked(["", " >/dev/null"], [...all, much.name], async (client) => {
        if (!options.includes("--udp")) await much.connection;
        expect(await until(() => client.stderr.includes("pid "), 15_000)).toBe(true);
        await new Promise((resolve) => setTimeout(resolve, 500));
        process.kill(Number(/pid (\d+)/.exec(client.stderr)![1]), "SIGTERM");
        await ends(client, 143);
      });
    });
  }

  it("does not keep it from noticing that stdout's reader has gone: 141", async () => {
    for (const option of ["-v", "-x"]) {
      await using much = await peer((socket) => void socket.write(Buffer.alloc(1_000_000)));
      await blocked(
        ["", " | sleep 1"],
        [option, much.name],
        (client) => ends(client, 141),
      );
    }
  });

  it("ends nothing with another code than that of what is to be said", async () => {
    const port = getAvailablePort();
    const usual: [args: string[], code: number][] = [
      [[`127.0.0.1:${port}`], 3],
      [["-z", "-v", "127.0.0.1", `${port},${port}`], 3],
    ];
    for (const [args, code] of usual) {
      await blocked(["", " </dev/null >/dev/null"], args, (client) => ends(client, code));
    }
    await using rude = await peer((socket) => socket.resetAndDestroy());
    await blocked(["", " </dev/zero >/dev/null"], [rude.name], (client) => ends(client, 5));
  });
});

describe("a stderr that is closed", () => {
  it("changes nothing: it gets no words, nor does what has its number", async () => {
    using folder = new TempDir();
    await using echo = await echoPeer();
    const line = 'echo words | "$@" 2>&- >"$OUT"';
    for (const option of ["-v", "-x"]) {
      await using client = shellClient(line, [option, echo.name], { OUT: folder.file("out") });
      expect([option, await client.exit]).toEqual([option, 0]);
      expect(readFileSync(folder.file("out"), "utf8")).toBe("words\n");
    }
  });
});

describe("a stderr that is read late", () => {
  it("gets all of what -x shows as long as it takes something", async () => {
    await using echo = await startServe();
    const line =
      'head -c 300000 /dev/zero | { "$@" 2>&1 >/dev/null; } | { sleep 0.3; cat >"$OUT"; }';
    using folder = new TempDir();
    await using client = shellClient(line, ["-x", echo.name], { OUT: folder.file("out") });
    await client.exit;
    const shown = readFileSync(folder.file("out"), "utf8");
    const pieces = [...shown.matchAll(/^[<>] \S+ (\d+) bytes$/gm)].map(([, bytes]) =>
      Number(bytes)
    );
    expect(pieces.reduce((sum, bytes) => sum + bytes, 0)).toBe(2 * 300_000);
    expect(shown.split("\n").length).toBeGreaterThan(2 * 300_000 / 16);
  });

  it("is told how many bytes were not shown", async () => {
    await using far = await peer((socket) => {
      socket.write(Buffer.alloc(500_000));
      setTimeout(() => socket.write("after it\n"), 2500);
      setTimeout(() => socket.end("last words\n"), 6000);
    });
    const line = '{ "$@" 2>&1 >/dev/null; } | { sleep 4; cat >"$OUT"; }';
    using folder = new TempDir();
    await using client = shellClient(line, ["-x", far.name], { OUT: folder.file("out") });
    expect(await client.exit).toBe(0);
    const shown = readFileSync(folder.file("out"), "utf8");
    expect(shown).toMatch(/iomux: [\d,]+ bytes not shown: standard error took nothing\n/);
    expect(shown).toContain("last words");
  });
});
