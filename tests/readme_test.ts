// README's example of the library is the first thing that people copy: it is run as it stands, and must
// outlive resets, slow readers and many clients at once, and lose nothing.
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./support/cli.ts";
import { TempDir } from "./support/files.ts";
import { executable } from "./support/runtime.ts";
import { itUnless } from "./support/systems.ts";

const before = process.versions.bun
  ? []
  : process.versions.deno
  ? ["run", "-A", "--no-check"]
  : ["--no-warnings"];
const MANY = 30_000_000;

describe("README's echo server", () => {
  const temp = new TempDir();
  let server: ChildProcess;
  let port = 0;
  let program = "";

  /** Starts the server, and waits for its port. */
  async function start(command: string, args: string[]): Promise<[ChildProcess, number]> {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    const [first] = await once(child.stdout!, "data");
    return [child, Number(String(first))];
  }

  beforeAll(async () => {
    const document = readFileSync(join(root, "README.md"), "utf8");
    const section = document.slice(document.indexOf("\n## The library"));
    const code = /```ts\n([\s\S]*?)```/.exec(section)![1]!
      .replace('"iomux"', JSON.stringify(pathToFileURL(join(root, "lib/mod.ts")).href))
      .replace("port: 9999", "port: 0")
      .replace("\nfor (;;)", "\nconsole.log(server.port);\nfor (;;)");
    expect(code).toContain("console.log(server.port)");
    const path = temp.file("readme.ts");
    writeFileSync(path, code);
    program = path;
    [server, port] = await start(executable, [...before, path]);
  });
  afterAll(() => {
    server.kill("SIGKILL");
    temp[Symbol.dispose]();
  });

  /** Sends bytes, half-closes, and returns what has come back, read as slowly as `pauseMs` says. */
  async function echoed(bytes: Uint8Array, pauseMs = 0, at = port): Promise<Uint8Array> {
    const client = connect({ port: at, host: "127.0.0.1", allowHalfOpen: true });
    client.on("error", () => {});
    client.end(bytes);
    const chunks: Uint8Array[] = [];
    let pauses = 0;
    for await (const chunk of client) {
      chunks.push(chunk);
      if (pauseMs && pauses++ < 20) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return Buffer.concat(chunks);
  }

  it("goes on after connections that are reset", async () => {
    for (let i = 0; i < 20; i++) {
      const client = connect({ port, host: "127.0.0.1" });
      client.on("error", () => {});
      await once(client, "connect");
      client.write("x".repeat(100_000));
      if (i % 2) await new Promise((resolve) => setTimeout(resolve, 5));
      client.resetAndDestroy();
    }
    expect(new TextDecoder().decode(await echoed(Buffer.from("still here")))).toBe("still here");
    expect(server.exitCode).toBe(null);
  });

  it("sends a slow reader all of 30 MB", async () => {
    const bytes = new Uint8Array(MANY).map((_, i) => i * 7 + (i >> 8));
    const back = await echoed(bytes, 20);
    expect(back.length).toBe(MANY);
    expect(Buffer.compare(back, bytes)).toBe(0);
  });

  it("echoes a hundred clients at once, each its own bytes", async () => {
    const payload = (i: number) => new Uint8Array(50_000).fill(i);
    const all = await Promise.all(Array.from({ length: 100 }, (_, i) => echoed(payload(i))));
    for (const [i, back] of all.entries()) {
      expect([back.length, back.every((byte) => byte === i)]).toEqual([50_000, true]);
    }
    expect(server.exitCode).toBe(null);
  });

  itUnless(
    process.platform === "win32" ? "it has no limit of open files" : undefined,
    "with too many open files it serves those it has, and the others when there is room",
    async () => {
      const command = [executable, ...before, program].map((word) => `'${word}'`).join(" ");
      const [limited, at] = await start("sh", ["-c", `ulimit -n 40; exec ${command}`]);
      const clients: Socket[] = [];
      try {
        for (let i = 0; i < 60; i++) {
          const client = connect({ port: at, host: "127.0.0.1" });
          client.on("error", () => {});
          await once(client, "connect");
          clients.push(client);
        }
        const reply = once(clients[0]!, "data");
        clients[0]!.write("still here");
        expect(String((await reply)[0])).toBe("still here");
        for (const client of clients) client.destroy();
        const late = await echoed(Buffer.from("room again"), 0, at);
        expect(new TextDecoder().decode(late)).toBe("room again");
        expect(limited.exitCode).toBe(null);
      } finally {
        limited.kill("SIGKILL");
        for (const client of clients) client.destroy();
      }
    },
  );
});
