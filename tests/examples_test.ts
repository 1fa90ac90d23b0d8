// The three programs that this project grew from, each with a real client; and what every server of the
// examples must outlive: resets, and a full table of descriptors.
import { describe, expect, it } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { getAvailablePort, Socket as Stream } from "../lib/net/mod.ts";
import { c } from "../lib/sys/posix.ts";
import { root } from "./support/cli.ts";
import { Peer } from "./support/peers.ts";
import { executable, runFlags } from "./support/runtime.ts";
import { itUnless } from "./support/systems.ts";
import { until } from "./support/waiting.ts";

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

  it("select_server.ts removes a connection with an exceptional condition: urgent data", () =>
    withServer("select_server", async (port) => {
      using client = Stream.connect({ port, timeoutMs: 5000 });
      client.send(Uint8Array.of(97));
      const MSG_OOB = 1;
      expect(c.sendBytes(client.fileno(), Uint8Array.of(33), 1, MSG_OOB)).toBe(1);
      const bytes = new Uint8Array(16);
      const ended = () => {
        try {
          return client.recv(bytes) === 0;
        } catch {
          return true; // a reset, as the urgent byte was not received
        }
      };
      expect(await until(ended)).toBe(true);
    }));

  it("select_server.ts answers or closes each of more clients than FD_SETSIZE allows", () =>
    withServer("select_server", async (port) => {
      const clients = Array.from({ length: 1100 }, () => new Client(port));
      for (const { socket } of clients) socket.write("abc");
      const settled = () => clients.every(({ text, ended }) => text === "ABC" || ended);
      expect(await until(settled)).toBe(true);
      expect(clients.filter(({ text }) => text === "ABC").length).toBeGreaterThan(900);
      for (const { socket } of clients) socket.destroy();
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

interface Server {
  /** Its file in examples/. */
  readonly name: string;
  /** What it says to "abc\n". */
  readonly answer: string;
  /** How many clients it has served when it ends by itself. */
  readonly ends?: number;
  /** How many workers it has, each of which has started once it has served a client. */
  readonly workers?: number;
  /** How many descriptors it can have, if not 40: with four workers Deno and Node need 48 themselves. */
  readonly files?: number;
}

const SERVERS: Server[] = [
  { name: "select_server.ts", answer: "ABC\n" },
  { name: "selectors_server.ts", answer: "abc\n" },
  { name: "handoff_server.ts", answer: "hello abc\n", workers: 4, files: 70 },
  { name: "tutorial/blocking.ts", answer: "abc\n" },
  { name: "tutorial/busy.ts", answer: "abc\n", ends: 2 },
  { name: "tutorial/three_lists.ts", answer: "ABC\n" },
  { name: "tutorial/callbacks.ts", answer: "abc\n" },
  { name: "tutorial/python/select_server.py", answer: "ABC\n" },
  { name: "tutorial/python/selectors_server.py", answer: "abc\n" },
  { name: "tutorial/python/handoff_server.py", answer: "hello abc\n", workers: 4 },
];

const isPython = ({ name }: Server) => name.endsWith(".py");

/** Starts a server that can't have many descriptors; returns it with its first client. */
async function startLimited(server: Server) {
  const port = getAvailablePort();
  const interpreter = isPython(server) ? ["python3"] : [executable, ...runFlags];
  const words = [...interpreter, join(root, "examples", server.name), String(port)];
  const command = words.map((word) => `'${word}'`).join(" ");
  const child = spawn("sh", ["-c", `ulimit -n ${server.files ?? 40}; exec ${command}`], {
    cwd: root,
  });
  let stderr = "";
  child.stderr!.on("data", (chunk) => stderr += chunk);
  const dial = () => Peer.dial({ host: "127.0.0.1", port });
  let first: Peer | undefined;
  const isUp = () => {
    try {
      first = dial();
    } catch {
      return child.exitCode !== null;
    }
    return true;
  };
  await until(isUp);
  if (first === undefined) throw new Error(`${server.name} does not listen: ${stderr}`);
  return { child, dial, first, stderr: () => stderr };
}

/** Clients that are served at the same time, each by a worker of its own where there are some. */
async function expectServed(clients: Peer[], { answer, workers }: Server): Promise<void> {
  if (workers) { for (const client of clients) await client.send("ab"); }
  for (const client of clients) await client.send(workers ? "c\n" : "abc\n");
  for (const client of clients) expect(await client.text(answer.length)).toBe(answer);
}

const noLimit = process.platform === "win32" ? "it has no limit of open files" : undefined;

const noPython = spawnSync("python3", ["--version"]).error ? "no python3 here" : undefined;

// Those in Python are the same on every runtime.
for (const server of SERVERS.filter((server) => process.versions.bun || !isPython(server))) {
  itUnless(
    noLimit ?? (isPython(server) ? noPython : undefined),
    `${server.name} goes on after resets, with 60 clients and descriptors for fewer`,
    async () => {
      const { child, dial, first, stderr } = await startLimited(server);
      try {
        const more = Array.from({ length: (server.workers ?? 1) - 1 }, dial);
        await expectServed([first, ...more], server);
        const others = [...more, ...Array.from({ length: 60 }, dial)];
        await expectServed([first], server);
        await first.send("half a line");
        first.reset();
        for (const other of others) other.reset();
        if (server.ends !== undefined) {
          expect(await until(() => child.exitCode !== null)).toBe(true);
          expect([child.exitCode, stderr()]).toEqual([0, ""]);
          return;
        }
        using late = dial();
        await expectServed([late], server);
        expect([child.exitCode, child.signalCode]).toEqual([null, null]);
      } finally {
        child.kill("SIGKILL");
      }
    },
  );
}
