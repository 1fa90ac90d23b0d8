// Other people's TLS, as processes: openssl s_server, s_client, ncat. And our own socket in a test.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { TlsConnectOptions } from "../../lib/tls/mod.ts";
import { Socket } from "../../lib/net/mod.ts";
import { tlsClient, TlsSocket } from "../../lib/tls/mod.ts";
import { sleep } from "../support/waiting.ts";

/** No process of a test outlives this. */
const LIFETIME_MS = 30_000;

export const NO_NCAT: string | undefined =
  spawnSync("ncat", ["--version"], { stdio: "ignore" }).status === 0
    ? undefined
    : "there is no ncat here (apt-get install ncat)";

/** A process whose output can be waited for. `await using` ends it. */
export class Tool implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  out = "";
  err = "";
  #ended = false;

  constructor(command: string, args: string[]) {
    this.child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.child.stdin!.on("error", () => {}); // it may end first
    this.child.stdout!.on("data", (chunk) => this.out += chunk);
    this.child.stderr!.on("data", (chunk) => this.err += chunk);
    const guard = setTimeout(() => this.kill(), LIFETIME_MS);
    this.exit = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code) => {
        clearTimeout(guard);
        this.#ended = true;
        resolve(code);
      });
    });
  }

  kill(): void {
    if (this.#ended) return;
    try {
      process.kill(this.child.pid!, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }

  /** What stdout or stderr says as soon as it matches. */
  async says(pattern: RegExp, withinMs = 5000): Promise<RegExpExecArray> {
    for (const deadline = performance.now() + withinMs;; await sleep(5)) {
      const match = pattern.exec(this.out) ?? pattern.exec(this.err);
      if (match) return match;
      if (this.#ended || performance.now() > deadline) {
        throw new Error(`no ${pattern}\nstdout: ${this.out}\nstderr: ${this.err}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.exit.catch(() => {});
  }
}

/** `openssl s_server`, which sends each line back with its letters reversed. */
export async function reversingServer(args: string[]): Promise<Tool & { port: number }> {
  const tool = new Tool("openssl", ["s_server", "-accept", "127.0.0.1:0", "-rev", ...args]);
  try {
    const [, port] = await tool.says(/^ACCEPT 127\.0\.0\.1:(\d+)/m);
    return Object.assign(tool, { port: Number(port) });
  } catch (error) {
    await tool[Symbol.asyncDispose]();
    throw error;
  }
}

/** A TLS connection to 127.0.0.1, on the client's own socket: it reads exactly when it is told to. */
export class TlsPeer implements Disposable {
  readonly raw: Socket;
  readonly #tls: TlsSocket;
  readonly #buffer = new Uint8Array(new ArrayBuffer(1 << 16));

  private constructor(raw: Socket, tls: TlsSocket) {
    this.raw = raw;
    this.#tls = tls;
  }

  static async dial(port: number, options: Partial<TlsConnectOptions> = {}): Promise<TlsPeer> {
    const raw = Socket.connect({ port, timeoutMs: 5000 });
    const all = { serverName: "localhost", insecure: true, ...options };
    const tls = new TlsSocket(raw, tlsClient(all), all.serverName);
    try {
      for (const deadline = performance.now() + 5000; !tls.isSecured; await sleep(1)) {
        if (performance.now() > deadline) throw new Error("no handshake within 5 s");
        tls.take();
        tls.flush();
      }
      return new TlsPeer(raw, tls);
    } catch (error) {
      tls[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends what is taken now; returns how much. */
  trySend(bytes: Uint8Array): number {
    return Math.max(0, this.#tls.send(bytes, 0, bytes.length));
  }

  async send(bytes: Uint8Array, withinMs = 10_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + 65536);
      const sent = this.#tls.send(bytes, at, end - at);
      if (sent > 0) at += sent;
      else if (performance.now() > deadline) throw new Error(`stuck after ${at} bytes`);
      else await sleep(1);
    }
    await this.flush(withinMs);
  }

  async flush(withinMs = 10_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    for (this.#tls.flush(); this.#tls.hasOutgoing; this.#tls.flush()) {
      if (performance.now() > deadline) throw new Error("what was sent is not taken");
      await sleep(1);
    }
  }

  /** Reads `length` bytes, or fewer when close_notify comes before. */
  async read(length: number, withinMs = 10_000): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const deadline = performance.now() + withinMs;
    for (let left = length; left > 0;) {
      const received = this.#tls.recv(this.#buffer.subarray(0, Math.min(left, 65536)));
      if (received === 0) break;
      if (received > 0) {
        parts.push(this.#buffer.slice(0, received));
        left -= received;
      } else if (performance.now() > deadline) {
        throw new Error(`only ${length - left} bytes within ${withinMs} ms`);
      } else await sleep(1);
    }
    return Buffer.concat(parts);
  }

  readToEnd(): Promise<Uint8Array> {
    return this.read(Number.MAX_SAFE_INTEGER);
  }

  /** Says close_notify, then FIN. */
  end(): void {
    this.#tls.shutdown("write");
  }

  [Symbol.dispose](): void {
    this.#tls[Symbol.dispose]();
  }
}
