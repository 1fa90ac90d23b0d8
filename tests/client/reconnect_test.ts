// iomux client --reconnect: what becomes of standard input from one connection to the next.
import { describe, expect, it } from "bun:test";
import { spawnCli } from "../support/cli.ts";
import { NO_TLS } from "../tls/certificates.ts";
import { sleep, until } from "../support/waiting.ts";
import { FarEnd, PATIENCE_MS } from "./far_end.ts";
import { peer } from "./peers.ts";

const client = (...args: string[]) =>
  spawnCli(["client", "--reconnect", "100ms", ...args], { stdin: "pipe" });

describe("iomux client --reconnect", () => {
  it("connects again until stdin has ended, and loses nothing of it", async () => {
    const words: string[] = [];
    let closed = 0;
    await using brief = await peer((socket) => {
      socket.on("end", () => socket.end());
      socket.on("close", () => closed++);
      socket.once("data", (chunk: Buffer) => {
        words.push(String(chunk));
        socket.end();
      });
    });
    await using cli = client(brief.name);
    for (const word of ["one", "two", "three"]) {
      cli.child.stdin!.write(word);
      await until(() => closed === words.length && words.includes(word), 15_000);
    }
    cli.child.stdin!.end();
    expect((await cli.exit).code).toBe(0);
    expect(words).toEqual(["one", "two", "three"]);
  });

  it("remembers that a peer has closed a Unix socket with unread input: exit 5", async () => {
    using far = new FarEnd("unix");
    await using cli = client(...far.target);
    cli.child.stdin!.write("never read");
    const first = await far.accept(() => cli.stderr());
    await first.unread();
    first.close();
    const second = await far.accept(() => cli.stderr());
    cli.child.stdin!.end("read");
    await second.read(PATIENCE_MS);
    second.close();
    expect([(await cli.exit).code, second.text]).toEqual([5, "read"]);
  });

  for (const transport of ["tcp", ...(NO_TLS === undefined ? ["tls"] as const : [])] as const) {
    it(`remembers what a peer has not taken, apart from what the next one gets: exit 5 (${transport})`, async () => {
      const all = 20_000_000;
      using far = new FarEnd(transport);
      await using cli = client(...far.target);
      cli.child.stdin!.end(Buffer.alloc(all));
      const first = await far.accept(() => cli.stderr());
      // Until it can send no more: nothing is read at the other end either.
      for (let last = -1; last !== cli.child.stdin!.writableLength; await sleep(500)) {
        last = cli.child.stdin!.writableLength;
      }
      first.reset();
      const second = await far.accept(() => cli.stderr());
      await second.read(PATIENCE_MS);
      second.close();
      expect((await cli.exit).code).toBe(5);
      const said = /ECONNRESET.*; ([\d,]+) bytes of standard input were not taken/.exec(
        cli.stderr(),
      );
      const lost = Number(said?.[1]?.replaceAll(",", ""));
      expect(lost).toBeGreaterThan(0);
      expect(lost).toBeLessThan(all - second.got);
    });
  }
});
