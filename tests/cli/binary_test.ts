// The compiled program by itself: a copy of dist/iomux in an empty folder, with nothing of the
// source tree in reach and traps laid in the current directory.
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtProgram } from "../../scripts/testing/program.ts";
import { root } from "../support/cli.ts";
import { Certificates, NO_OPENSSL } from "../tls/certificates.ts";
import { itUnless, onWindows } from "../support/systems.ts";

const exe = process.platform === "win32" ? ".exe" : "";

// As the module loads and not in a hook: a build can outlast the time that bun allows a hook.
const built = builtProgram(root);

describe("the compiled binary", () => {
  let folder = "";
  let binary = "";

  // Only what the program needs to run, so that no IOMUX_ or BUN_ variable of the caller is heard.
  const env = { PATH: process.env.PATH ?? "", SystemRoot: process.env.SystemRoot ?? "" };

  const run = (...args: string[]) =>
    spawnSync(binary, args, { cwd: folder, env, encoding: "utf8", timeout: 30_000 });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "iomux-binary-"));
    binary = join(folder, `iomux${exe}`);
    copyFileSync(built, binary);
    writeFileSync(
      join(folder, ".env"),
      "IOMUX_SERVE_HOST=no.such.host.invalid\nIOMUX_STRESS_SIZE=none\n",
    );
    writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
    writeFileSync(join(folder, "evil.ts"), 'console.log("PWNED");\n');
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("does not know where it was built", () => {
    // Else its Workers would be loaded from the checkout, which only fails on another machine.
    expect(readFileSync(built).includes(join(root, "main.ts"))).toBe(false);
  });

  it("prints the version and runs no preload of the current directory", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const { status, stdout, stderr } = run("--version");
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("stresses a server of its own from two workers", () => {
    const { status, stdout, stderr } = run(
      ...["stress", "-c", "4", "-n", "400", "--workers", "2", "--json", "-o", "load.html"],
    );
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    const { messages, verdict } = JSON.parse(stdout);
    expect(messages.verified).toBeGreaterThanOrEqual(400);
    expect(messages.mismatched).toBe(0);
    expect(messages.lost).toBe(0);
    expect(verdict).toMatch(/^(pass|invalid)$/); // invalid: on a busy machine
    // With all that the page takes, though none of it is a file here.
    const page = readFileSync(join(folder, "load.html"), "utf8");
    for (const part of ["var uPlot=", "u-legend", "--line1:", "ResizeObserver"]) {
      expect(page).toContain(part);
    }
  });

  itUnless(NO_OPENSSL, "serves TLS, and verifies a load over it", async () => {
    using certificates = new Certificates();
    const { cert, key } = certificates.identity();
    const server = spawn(
      binary,
      ["serve", "-H", "127.0.0.1", "--port", "0", "--tls-cert", cert, "--tls-key", key],
      { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] },
    );
    try {
      const [line] = await once(server.stdout, "data");
      const [, target] = /^listening on (.*)\n/.exec(String(line))!;
      const load = ["-c", "4", "-n", "400", "-s", "20KiB", "--json"];
      const { status, stdout } = run(
        "stress",
        target!,
        "--tls",
        "--tls-ca",
        certificates.ca,
        ...load,
      );
      expect(status).toBe(0);
      expect(JSON.parse(stdout).messages.verified).toBe(400);
    } finally {
      process.kill(server.pid!, "SIGKILL");
    }
  });

  itUnless(onWindows ? "Windows has no --exec" : undefined, "hands over", async () => {
    writeFileSync(join(folder, "word.ts"), 'export const word: string = "by ts";\n');
    writeFileSync(
      join(folder, "handler.ts"),
      'import type { BlockingHandler } from "iomux";\nimport { word } from "./word.ts";\n' +
        "const handler: BlockingHandler = (socket): 'close' => {\n" +
        "  socket.sendAll(new TextEncoder().encode(`${socket.readLine()} ${word}`));\n" +
        "  return 'close';\n};\nexport default handler;\n",
    );
    for (
      const [option, value, answer] of [
        ["--handler", "handler.ts", "hello by ts"],
        ["--exec", "sh -c 'read line; echo $line by sh'", "hello by sh\n"],
      ]
    ) {
      const args = ["serve", "-H", "127.0.0.1", "--port", "0", option!, value!];
      const stdio: ("ignore" | "pipe" | "inherit")[] = ["ignore", "pipe", "inherit"];
      const server = spawn(binary, args, { cwd: folder, env, stdio });
      const exited = once(server, "exit");
      try {
        const [line] = await once(server.stdout!, "data");
        const peer = connect(Number(/:([0-9]+)\n/.exec(String(line))![1]), "127.0.0.1");
        peer.end("hello\n");
        let text = "";
        for await (const chunk of peer) text += chunk;
        expect(text).toBe(answer!);
        process.kill(server.pid!, "SIGTERM");
        expect(await exited).toEqual([0, null]);
      } finally {
        if (server.exitCode === null && server.signalCode === null) {
          process.kill(server.pid!, "SIGKILL");
        }
      }
    }
  });

  it("stresses on every selector that it says it has", () => {
    const { selectors } = JSON.parse(run("info", "--json").stdout) as {
      selectors: { name: string; available: boolean; reason?: string }[];
    };
    const names = selectors.filter(({ available }) => available).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const both = ["--selector", name, "--client-selector", name];
      const { status, stdout, stderr } = run("stress", "-c", "5", "-n", "500", ...both, "--json");
      expect([status, stderr]).toEqual([0, ""]);
      const { selector, server, messages } = JSON.parse(stdout);
      expect([selector, server.selector, messages.verified]).toEqual([name, name, 500]);
    }
  });

  it("serves from two workers, ignoring .env, and ends on SIGTERM", async () => {
    // Without --host, so that reading the one in .env, which does not resolve, would be seen.
    const server = spawn(binary, ["serve", "--workers", "2", "--port", "0"], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    // By its pid: after child.kill() Deno reports the signal, whatever the exit status was.
    const signal = (name: NodeJS.Signals) => process.kill(server.pid!, name);
    const exited = once(server, "exit");
    let out = "", err = "";
    const started = new Promise<void>((resolve) => {
      server.stdout.on("data", (chunk) => (out += chunk).includes("\n") && resolve());
      server.on("exit", () => resolve());
    });
    server.stderr.on("data", (chunk) => err += chunk);
    const guard = setTimeout(() => signal("SIGKILL"), 20_000);
    try {
      await started;
      expect(out === "" ? err : out).toMatch(/^listening on [0-9.]+:[0-9]+\n/);
      const port = Number(/:([0-9]+)\n/.exec(out)?.[1]);

      const peer = connect(port, "127.0.0.1");
      peer.end("hello");
      let echo = "";
      for await (const chunk of peer) echo += chunk;
      expect(echo).toBe("hello");

      signal("SIGTERM");
      expect(await exited).toEqual([0, null]);
    } finally {
      clearTimeout(guard);
      if (server.exitCode === null && server.signalCode === null) signal("SIGKILL");
    }
  });
});
