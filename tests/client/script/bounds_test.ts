// Scripts of iomux client beside a peer that sends much: bounded in time and memory.
import { afterAll, describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { readProc, spawnCli } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { sleep, until } from "../../support/waiting.ts";
import { FarEnd, PATIENCE_MS } from "../far_end.ts";
import { echoPeer, peer, type ShellClient, shellClient } from "../peers.ts";

const MiB = 1 << 20;
const folder = new TempDir();
afterAll(() => folder[Symbol.dispose]());

function written(text: string): string {
  const path = folder.file("steps");
  writeFileSync(path, text);
  return path;
}

/** A peer that sends so much, as fast as it is taken, and ends. */
const flood = (total = Infinity) => {
  const piece = Buffer.alloc(MiB, "z");
  return peer((socket) => {
    let left = total;
    const more = () => {
      while (left > 0 && !socket.destroyed) {
        left -= piece.length;
        if (!socket.write(piece)) return;
      }
      socket.end();
    };
    socket.on("drain", more);
    more();
  });
};

/** The most memory that a client has had, in bytes; 0 once it has ended. */
const mostMemory = ({ child }: ShellClient): number =>
  1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(readProc(`${child.pid}/status`))?.[1] ?? 0);

describe("iomux client --script", () => {
  it("ends in time, and by a signal, though an expression takes the square of what it looks at", async () => {
    const zs = () => peer((socket) => void socket.write(Buffer.alloc(1_000_000, "z")));
    await using one = await zs();
    await using late = spawnCli([
      ...["client", "--script", written("expect /.*OK/ 1s\n"), one.name],
    ]);
    const start = performance.now();
    expect((await late.exit).code).toBe(4);
    expect(performance.now() - start).toBeLessThan(10_000);
    await using two = await zs();
    await using told = spawnCli([
      ...["client", "--script", written("expect /.*OK/ 60s\n"), two.name],
    ]);
    await until(() => told.stdout().length === 1_000_000, PATIENCE_MS);
    told.kill("SIGTERM");
    expect((await told.exit).code).toBe(143);
  });

  it("finds a match wherever it is in what comes, and lines where they begin", async () => {
    await using echo = await echoPeer();
    const steps = [1, 2000, 2040, 2047, 2048, 2049, 4090, 4095, 4096, 4097, 6143, 20_000, 300_000]
      .map((length) => `send "${"z".repeat(length)} needle"\nexpect /\\bneedle/\n`);
    const lines = ['send "1\\r\\n2', "z".repeat(50_000), '\\r\\n3\\r\\nEND"\nexpect /^3\\r$/m\n'];
    const path = written([...steps, ...lines, "expect /END$/\n"].join(""));
    await using found = spawnCli(["client", "--script", path, echo.name]);
    expect([(await found.exit).code, found.stderr()]).toEqual([0, ""]);
    for (const begin of ["/^z/m", "/^z/", "/\\bz/"]) {
      const none = written(`send "1${"z".repeat(50_000)}"\nexpect ${begin} 300ms\n`);
      await using not = spawnCli(["client", "--script", none, echo.name]);
      expect([begin, (await not.exit).code]).toEqual([begin, 4]);
    }
  });

  it("sees what follows a match, wherever that ends", async () => {
    for (const front of [2048, 4091, 4093, 10_237, MiB - 3]) {
      const sent = `${"z".repeat(front)}id=1234567;abc${"z".repeat(9000)}`;
      await using brief = await peer((socket) => void socket.end(sent));
      const steps = ["/id=\\d+/", "/^;/", "/abc(?!z)/"].map((step) => `expect ${step} 5s\n`);
      await using cli = spawnCli([
        ...["client", "--script", written(["sleep 500ms\n", ...steps].join("")), brief.name],
      ]);
      expect([front, (await cli.exit).code, cli.stderr().slice(-400)]).toEqual([
        ...[front, 5, expect.stringMatching(/, line 4: /)],
      ]);
    }
  });

  it("looks through what has come during a sleep before it says that the peer has ended", async () => {
    await using brief = await peer((socket) => void socket.end(`${"z ".repeat(400_000)}OK`));
    const path = written("sleep 500ms\nexpect /z OK/\n");
    await using cli = spawnCli(["client", "--script", path, brief.name]);
    expect([(await cli.exit).code, cli.stderr()]).toEqual([0, ""]);
  });

  it("takes as much as `send` needs to be taken by a peer that answers meanwhile", async () => {
    const long = "0123456789".repeat(1_600_000);
    await using echo = await echoPeer();
    const path = written(`send "${long}"\nexpect "${long}" 30s\nclose\nexpect end\n`);
    await using cli = spawnCli(["client", "--script", path, echo.name]);
    expect([(await cli.exit).code, cli.stderr()]).toEqual([0, ""]);
    expect(cli.stdout().length).toBe(long.length);
  });

  it("ends a `send` to a peer that sends without end and takes nothing: exit 5", async () => {
    await using endless = await flood();
    const path = written(`send "${"a".repeat(10_000_000)}"\n`);
    await using client = shellClient('exec "$@" >/dev/null', ["--script", path, endless.name]);
    (await endless.connection).pause();
    const all: number[] = [];
    const look = setInterval(() => {
      if (client.child.exitCode === null) all.push(mostMemory(client));
    }, 20);
    expect(await client.exit.finally(() => clearInterval(look))).toBe(5);
    expect(client.stderr).toMatch(
      /line 1: 64 MiB came from a peer that takes nothing; [\d,]+ bytes were not taken by the peer\n$/,
    );
    expect(Math.max(...all)).toBeLessThan(400 * MiB);
  });

  for (
    const [what, steps, line] of [
      ["it sleeps", "sleep 2s\n", '"$@" >/dev/null'],
      ["standard output takes nothing", 'expect "never" 2s\n', '"$@" | sleep 3'],
    ] as const
  ) {
    it(`leaves with the peer what is too much while ${what}`, async () => {
      await using endless = await flood();
      await using client = shellClient(line, ["--script", written(steps), endless.name]);
      const connection = await endless.connection;
      await sleep(1800);
      expect(connection.bytesWritten - connection.writableLength).toBeLessThan(100 * MiB);
      await client.exit;
    });
  }

  for (const [step, code] of [["expect end", 0], ['expect "OK"', 5], ["expect /OK/", 5]] as const) {
    it(`keeps nothing that "${step}" needs no more`, async () => {
      await using much = await flood(400 * MiB);
      const path = written(`${step} 30s\nsleep 1s\n`);
      await using client = shellClient('exec "$@" >/dev/null', ["--script", path, much.name]);
      const all: number[] = [];
      const look = setInterval(() => {
        if (client.child.exitCode === null) all.push(mostMemory(client));
      }, 20);
      expect(await client.exit.finally(() => clearInterval(look))).toBe(code);
      expect(Math.max(...all)).toBeGreaterThan(10 * MiB);
      expect(Math.max(...all)).toBeLessThan(300 * MiB);
    });
  }

  for (const last of ["reads nothing", "has read some"]) {
    it(`counts what a send gives that a reset interrupts, of a peer that ${last}`, async () => {
      const total = 30_000_000;
      using far = new FarEnd();
      const path = written(`send "${"a".repeat(total)}"\n`);
      await using cli = spawnCli(["client", "--script", path, ...far.target]);
      const connection = await far.accept(cli.stderr);
      if (last !== "reads nothing") await connection.read(PATIENCE_MS, 1_000_000);
      const taken = connection.got + await connection.full();
      connection.reset();
      expect((await cli.exit).code).toBe(5);
      const said = /line 1: Cannot .*; ([\d,]+) bytes were not taken by the peer\n$/.exec(
        cli.stderr(),
      );
      expect(Number(said![1]!.replaceAll(",", ""))).toBe(total - taken);
    });
  }
});
