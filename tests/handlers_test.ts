// Handlers as users would write them: the one of the contract, and the file transfer of examples/.
import { describe, expect, it } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, type RunningServer, startServe } from "./support/cli.ts";
import { expectSameBytes, pattern } from "./support/engines.ts";
import { TempDir } from "./support/files.ts";
import { ask } from "./support/handoff.ts";
import { Peer } from "./support/peers.ts";
import { sleep, until } from "./support/waiting.ts";

const example = join(root, "examples/file_transfer.ts");

describe("the greeter of docs/handoff.md", () => {
  it("greets by name, as often as it is asked, many at a time", async () => {
    const docs = readFileSync(join(root, "docs/handoff.md"), "utf8");
    const [, source] = /^```ts\n(import type \{ BlockingHandler \}[\s\S]*?)^```$/m.exec(docs)!;
    using dir = new TempDir();
    writeFileSync(dir.file("greet.ts"), source!);
    await using server = await startServe(["--handler", dir.file("greet.ts")]);
    await Promise.all(Array.from({ length: 12 }, async (_, i) => {
      using peer = Peer.dial(server);
      for (const name of ["ann", "bob", `number ${i}`]) await ask(peer, name, `hello ${name}`);
      peer.end();
      expect((await peer.readToEnd()).length).toBe(0);
    }));
    expect((await server.stats()).handoffs).toBe(12 * 4);
  });
});

describe("examples/file_transfer.ts", () => {
  const serveFiles = (dir: TempDir): Promise<RunningServer> =>
    startServe(["--handler", example, "--handler-workers", "2"], { env: { FILES: dir.path } });
  const put = async (peer: Peer, name: string, bytes: Uint8Array) => {
    await peer.send(`put ${name} ${bytes.length}\n`);
    await peer.send(bytes, 20_000);
    const answer = `stored ${name} ${bytes.length}\n`;
    expect(await peer.text(answer.length)).toBe(answer);
  };

  it("has less than 60 lines", () => {
    expect(readFileSync(example, "utf8").trimEnd().split("\n").length).toBeLessThan(60);
  });

  it("stores and returns files of any size, several on a connection, more peers than workers", async () => {
    using dir = new TempDir();
    await using server = await serveFiles(dir);
    await Promise.all([0, 1, 65_536, 1_000_003, 5_000_000].map(async (size, i) => {
      using peer = Peer.dial(server);
      const [one, two] = [pattern(size, i + 1), pattern(1000 + i, i)];
      await put(peer, `file-${i}.bin`, one);
      await put(peer, `other_${i}`, two);
      await peer.send(`get file-${i}.bin\nget other_${i}\n`); // the second waits its turn
      expect(await peer.text(`${size}\n`.length)).toBe(`${size}\n`);
      expectSameBytes(await peer.read(size, 20_000), one);
      expect(await peer.text(5)).toBe(`${two.length}\n`);
      expectSameBytes(await peer.read(two.length), two);
      expectSameBytes(readFileSync(dir.file(`file-${i}.bin`)), one);
      await peer.send("bye\n");
      expect((await peer.readToEnd()).length).toBe(0);
    }));
  });

  it("keeps nothing of a file whose sender ends or resets in the middle", async () => {
    using dir = new TempDir();
    await using server = await serveFiles(dir);
    for (const end of ["end", "reset"] as const) {
      const peer = Peer.dial(server);
      await peer.send("put half 1000\n" + "x".repeat(500));
      await sleep(50);
      peer[end]();
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect(stats.active).toBe(0);
      peer.reset();
    }
    expect(await until(() => readdirSync(dir.path).length === 0)).toBe(true);
  });

  it("refuses what is no name, says what it does not have, and goes on", async () => {
    using dir = new TempDir();
    await using server = await serveFiles(dir);
    using peer = Peer.dial(server);
    await ask(peer, "get ../package.json", "what? get ../package.json");
    await ask(peer, "put x", "what? put x");
    await ask(peer, "get nothing", "no nothing");
    await put(peer, "x", pattern(10));
  });
});
