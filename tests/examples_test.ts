// The three programs that this project grew from, each with a real client.
import { describe, expect, it } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { root } from "./support/cli.ts";
import { runFlags } from "./support/runtime.ts";

const path = (name: string) => join(root, "examples", `${name}.ts`);

/** Starts an example on a free port. */
function start(name: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [...runFlags, path(name), "0"], { cwd: root });
  return new Promise((resolve, reject) => {
    let output = "";
    const guard = setTimeout(() => reject(new Error(`${name} is not ready: ${output}`)), 20_000);
    const read = (chunk: unknown) => {
      output += chunk;
      const port = /listening on 0\.0\.0\.0:(\d+)/.exec(output)?.[1];
      if (!port) return;
      clearTimeout(guard);
      resolve({ child, port: Number(port) });
    };
    child.stdout!.on("data", read);
    child.stderr!.on("data", read);
  });
}

/** A client that collects what it is sent. */
class Client {
  readonly socket: Socket;
  text = "";
  ended = false;
  constructor(port: number) {
    this.socket = createConnection({ port, host: "127.0.0.1" });
    this.socket.setEncoding("latin1");
    this.socket.on("data", (chunk) => this.text += chunk);
    this.socket.on("close", () => this.ended = true);
    this.socket.on("error", () => {});
  }
  async sees(text: string): Promise<void> {
    for (let i = 0; i < 500 && this.text !== text; i++) await new Promise((r) => setTimeout(r, 10));
    expect(this.text).toBe(text);
  }
}

async function withServer(name: string, body: (port: number) => Promise<void>): Promise<void> {
  const { child, port } = await start(name);
  try {
    await body(port);
    expect(child.exitCode).toBe(null); // it has survived all that
  } finally {
    process.kill(child.pid!, "SIGKILL");
  }
}

/** What every server must live through: clients that reset, and clients that say nothing. */
async function bother(port: number): Promise<void> {
  const silent = new Client(port);
  const rude = new Client(port);
  rude.socket.write("half a mess");
  await new Promise((resolve) => setTimeout(resolve, 100));
  rude.socket.resetAndDestroy();
  silent.socket.end();
}

describe("examples/", () => {
  for (const name of ["select_server", "selectors_server", "handoff_server"]) {
    it(`${name}.ts has less than 60 lines`, () => {
      expect(readFileSync(path(name), "utf8").trimEnd().split("\n").length).toBeLessThan(60);
    });
  }

  it("select_server.ts answers several clients in upper case, each its own", () =>
    withServer("select_server", async (port) => {
      await bother(port);
      const [a, b] = [new Client(port), new Client(port)];
      a.socket.write("hello from a");
      b.socket.write("Hello From B, zZ{[");
      await a.sees("HELLO FROM A");
      await b.sees("HELLO FROM B, ZZ{[");
      a.socket.write("x".repeat(5000)); // more than the 1024 bytes of one receive
      await a.sees("HELLO FROM A" + "X".repeat(5000));
      a.socket.end();
      b.socket.end();
    }));

  it("selectors_server.ts echoes to the last byte of a half-closed stream", () =>
    withServer("selectors_server", async (port) => {
      await bother(port);
      const client = new Client(port);
      const text = Array.from({ length: 50_000 }, (_, i) => `${i};`).join("");
      client.socket.end(text);
      await client.sees(text);
    }));

  it("handoff_server.ts serves more connections than it has workers, and gives them back", () =>
    withServer("handoff_server", async (port) => {
      await bother(port);
      const clients = Array.from({ length: 12 }, () => new Client(port));
      clients.forEach(({ socket }, i) => socket.write(`client ${i}\n`));
      for (const [i, client] of clients.entries()) await client.sees(`hello client ${i}\n`);
      // Two lines at once: the second stays with the connection while the first is handled.
      clients.forEach(({ socket }, i) => socket.write(`again ${i}\nand ${i}\n`));
      for (const [i, client] of clients.entries()) {
        await client.sees(`hello client ${i}\nhello again ${i}\nhello and ${i}\n`);
        client.socket.end();
      }
    }));

  it("dns_query.ts asks a responder of its own", () => {
    const [flags, options] = [runFlags, { cwd: root, encoding: "utf8", timeout: 30_000 } as const];
    const { stdout, status } = spawnSync(process.execPath, [...flags, path("dns_query")], options);
    expect([status, stdout]).toEqual([0, "loop.example is 127.0.0.1\ntwo.example is 127.0.0.2\n"]);
  });
});
