// The recipes of docs/stress-targets.md against the real servers, where they are installed.
import { describe, expect } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { getAvailablePort, Socket } from "../../../lib/net/mod.ts";
import { TempDir } from "../../support/files.ts";
import { stress } from "../../support/misbehaving.ts";
import { itUnless } from "../../support/systems.ts";
import { until } from "../../support/waiting.ts";

const noProgram = (command: string, ...args: string[]): string | undefined =>
  spawnSync(command, args, { timeout: 20_000 }).status === 0 ? undefined : `no ${command} here`;
const NO_REDIS = noProgram("redis-server", "--version");
const NO_MEMCACHED = noProgram("memcached", "--version");
const NO_NGINX = noProgram("/usr/sbin/nginx", "-v");
/** nginx's proxy of plain TCP, a module of its own in Debian. */
const STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so";
const PYTHON = "/usr/bin/python3";
const NO_SMTP = noProgram(PYTHON, "-c", "import aiosmtpd");

/** A server of others, which listens when this resolves. */
class Server implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  #text = "";

  constructor(port: number, command: string, args: string[]) {
    this.name = `127.0.0.1:${port}`;
    this.#child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on("data", (chunk) => this.#text += chunk);
    }
  }

  async listens(port: number): Promise<this> {
    const answers = () => {
      try {
        Socket.connect({ host: "127.0.0.1", port, timeoutMs: 1000 }).close();
        return true;
      } catch {
        return false;
      }
    };
    if (!await until(answers, 30_000)) throw new Error(`It does not listen: ${this.#text}`);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.on("exit", resolve));
    if (this.#child.exitCode !== null) return;
    this.#child.kill("SIGTERM");
    const guard = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(guard);
  }
}

const start = (port: number, command: string, ...args: string[]): Promise<Server> =>
  new Server(port, command, args).listens(port);

/** A run in which everything comes back as it must. */
async function good(name: string, ...args: string[]): Promise<void> {
  const { code, result } = await stress([name, "-c", "5", "-n", "500", ...args], 50_000);
  expect([code, result.errors, result.first_mismatch]).toEqual([0, {}, null]);
  expect(result.messages).toMatchObject({ sent: 500, verified: 500 });
}

describe("the recipe for", () => {
  itUnless(NO_REDIS, "redis: PING, a pipeline of SET, and a script of commands", async () => {
    using folder = new TempDir();
    const port = getAvailablePort();
    await using redis = await start(port, "redis-server", ...[
      ...["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder.path],
    ]);
    await good(redis.name, "-m", "PING\\r\\n", "--expect", "+PONG\\r\\n");
    const set = "SET k{conn} {seq}\\r\\n";
    await good(redis.name, "-m", set, "--expect", "+OK\\r\\n", "--pipeline", "8");
    writeFileSync(folder.file("m"), "SET a b\\r\\n\t+OK\\r\\n\nGET a\\r\\n\t$1\\r\\nb\\r\\n\n");
    await good(redis.name, "--messages-from", folder.file("m"), "--escapes", "--pipeline", "4");
    await good(
      redis.name,
      "-m",
      "ECHO hi\\r\\n",
      "--expect",
      "/^\\$2\\r\\nhi/",
      "--frame",
      "bytes:8",
    );
    const wrong = await stress([
      redis.name,
      "-c",
      "1",
      "-n",
      "1",
      "-m",
      "NOSUCH\\r\\n",
      "--expect",
      "+OK\\r\\n",
    ]);
    expect(wrong.code).toBe(6);
  });

  itUnless(NO_MEMCACHED, "memcached: version, a key that is not there, one that is", async () => {
    const port = getAvailablePort();
    const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
    await using memcached = await start(port, "memcached", ...[
      ...["-p", String(port), "-l", "127.0.0.1", "-U", "0", ...user],
    ]);
    await good(memcached.name, "-m", "version\\r\\n", "--expect", "line");
    await good(memcached.name, "-m", "get k{conn}\\r\\n", "--expect", "END\\r\\n");
    const set = "set k{conn}.{seq} 0 60 2\\r\\nhi\\r\\n";
    await good(memcached.name, "-m", set, "--expect", "STORED\\r\\n", "--pipeline", "4");
    await good(memcached.name, "-m", "stats\\r\\n", "--expect", "until:END\\r\\n");
  });

  itUnless(
    NO_NGINX,
    "nginx: HTTP with keep-alive, chunks, HEAD, 404, and its stream proxy",
    async () => {
      using folder = new TempDir();
      const [port, proxy] = [getAvailablePort(), getAvailablePort()];
      mkdirSync(folder.file("www"));
      writeFileSync(folder.file("www/index.html"), "hello\n");
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((name) => `${name}_temp_path ${folder.path}/${name};`).join(" ");
      writeFileSync(
        folder.file("nginx.conf"),
        `
      daemon off; master_process off; pid ${folder.path}/pid; error_log ${folder.path}/error.log;
      ${existsSync(STREAM) ? `load_module ${STREAM};` : ""}
      events { worker_connections 256; }
      http {
        access_log off; ${temporary} keepalive_requests 50;
        server { listen 127.0.0.1:${port}; root ${folder.path}/www; }
      }
      ${
          existsSync(STREAM)
            ? `stream { server { listen 127.0.0.1:${proxy}; proxy_pass 127.0.0.1:${port}; } }`
            : ""
        }
    `,
      );
      const prefix = [
        "-p",
        folder.path,
        "-c",
        folder.file("nginx.conf"),
        "-e",
        folder.file("error.log"),
      ];
      await using nginx = await start(port, "/usr/sbin/nginx", ...prefix);
      const get = (
        path: string,
        method = "GET",
      ) => ["-m", `${method} ${path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n`, "--expect", "http"];
      // It closes each connection after 50 requests, and says so: nothing is lost.
      await good(nginx.name, ...get("/"));
      await good(nginx.name, ...get("/"), "--pipeline", "4");
      await good(nginx.name, ...get("/", "HEAD"));
      if (existsSync(STREAM)) await good(`127.0.0.1:${proxy}`, ...get("/"));
      await good(
        nginx.name,
        ...get("/").slice(0, 2),
        "--expect",
        "/ 200 [^]*hello/",
        "--frame",
        "http",
      );
      const missing = await stress([nginx.name, "-c", "2", "-n", "20", ...get("/nothing")]);
      expect(missing.code).toBe(6);
      expect(missing.result.errors).toEqual({ "404": 20 });
      expect(missing.result.messages).toMatchObject({ verified: 0, mismatched: 20, lost: 0 });
    },
  );

  itUnless(NO_SMTP, "an SMTP server: its greeting, a session, its goodbye", async () => {
    using folder = new TempDir();
    const port = getAvailablePort();
    const args = ["-m", "aiosmtpd", "-n", "-l", `127.0.0.1:${port}`];
    await using smtp = await start(port, PYTHON, ...args);
    const quit = [
      "-m",
      "QUIT\\r\\n",
      "--expect",
      "until:Bye\\r\\n",
      "--messages-per-connection",
      "1",
    ];
    const { code, result } = await stress([smtp.name, "-c", "5", "-n", "100", ...quit], 50_000);
    expect([code, result.messages.verified]).toEqual([0, 100]);
    // The greeting is the beginning of the first reply.
    const lines = [
      "EHLO x\\r\\n\tuntil:250 HELP\\r\\n",
      "NOOP\\r\\n\t250 OK\\r\\n",
      "RSET\\r\\n\tline",
    ];
    writeFileSync(folder.file("m"), lines.join("\n"));
    await good(smtp.name, "--messages-from", folder.file("m"), "--escapes");
  });
});
