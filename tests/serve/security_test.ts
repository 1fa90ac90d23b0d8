// What docs/security.md promises of a server, where no other test does.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { cliCommand, root, RunningServer, serveByShell, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { dialError, exchange, Peer } from "../support/peers.ts";
import { commandFor } from "../support/programs.ts";
import { NO_SIGNALS } from "../support/systems.ts";
import { sleep } from "../support/waiting.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

if (NO_SIGNALS) console.log(`not run: serve --exec and security: ${NO_SIGNALS}`);
else {
  describe("serve --exec, as an attacker sees it", () => {
    it("a program has its connection and stderr, and no other descriptor of the server", async () => {
      // `ls` itself has the folder open as 3.
      const args = ["--exec", "ls /proc/self/fd", "--metrics", "127.0.0.1:0", "--workers", "2"];
      await using server = await startServe(args);
      using other = Peer.dial(server);
      expect(text(await exchange(server, "x"))).toBe("0\n1\n2\n3\n");
      other.reset();
    });

    it("no byte of a peer is in its arguments or environment", async () => {
      const command = `sh -c 'read -r line; env; cat /proc/$$/cmdline' `;
      await using server = await startServe(["--exec", command]);
      const answer = text(await exchange(server, "$(touch pwned) `id` ; MARKER\n"));
      expect(answer).toMatch(/^PROTO=TCP$/m);
      expect(answer).not.toMatch(/MARKER/);
      expect(existsSync(join(root, "pwned"))).toBe(false);
    });

    it("sockets of a service manager are not announced to it", async () => {
      const [command, all] = cliCommand(["serve", "--exec", "env", "-H", "127.0.0.1"]);
      const through = commandFor("activate.ts", ["0", "--", command, ...all]);
      await using server = new RunningServer([], { through });
      const [, port] = await server.says(/listening on .*:(\d+)\n/, "stdout", 20_000);
      const environment = text(await exchange({ port: Number(port) }, "x"));
      expect(environment).toMatch(/^PROTO=TCP$/m);
      expect(environment).not.toMatch(/^LISTEN_/m);
    });
  });

  describe("serve and the file of its Unix socket", () => {
    for (const [mask, mode] of [["077", 0o700], ["022", 0o755], ["0", 0o777]] as const) {
      it(`umask ${mask}: the socket's permissions are ${mode.toString(8)} from the start`, async () => {
        using folder = new TempDir();
        const path = folder.file("socket");
        const [command, all] = cliCommand(["serve", "--unix", path]);
        const through: [string, string[]] = [
          "sh",
          ["-c", `umask ${mask}; exec "$@"`, "sh", command, ...all],
        ];
        await using server = await startServe(["--unix", path], { through });
        expect(statSync(path).mode & 0o777).toBe(mode);
        expect(text(await exchange({ path }, "hello"))).toBe("hello");
        expect((await server.stop()).code).toBe(0);
      });
    }
  });

  describe("serve and signals", () => {
    it("SIGUSR1 never ends it, however early it comes", async () => {
      for (const ms of [0, 50, 100, 200]) {
        // From the moment that the signal is caught: what comes before is the runtime's.
        const script = `
          caught() {
            while read -r key mask && [ "$key" != SigCgt: ]; do :; done </proc/$$/status
            [ $((0x$mask & 0x200)) -ne 0 ]
          }
          (until caught; do sleep 0.01; done
          sleep 0.${String(ms).padStart(3, "0")}; kill -USR1 $$) & exec "$@"`;
        await using server = await serveByShell(script);
        await sleep(ms);
        expect(text(await exchange(server, "hello"))).toBe("hello");
      }
    });
  });
}

describe("serve --metrics, as an attacker sees it", () => {
  it("is where it was told to be, and nowhere else; it gives back nothing of a request", async () => {
    await using server = await startServe(["--metrics", "127.0.0.1:0"]);
    const [, port] = await server.says(/Metrics on http:\/\/127\.0\.0\.1:(\d+)\//);
    const to = { port: Number(port) };
    expect(dialError({ ...to, host: "::1" })).toBe("ECONNREFUSED");
    for (const request of ["GET /<script>MARK</script> HTTP/1.1", "MARK /metrics HTTP/1.1"]) {
      using peer = Peer.dial(to);
      await peer.send(`${request}\r\nhost: MARK\r\nx-mark: MARK\r\n\r\n`);
      expect(text(await peer.readToEnd())).not.toMatch(/MARK/);
    }
  });
});

describe("docs/security.md", () => {
  it("names tests that exist", () => {
    const named = readFileSync(join(root, "docs/security.md"), "utf8").matchAll(
      /`([a-z_/]+_test\.ts)`/g,
    );
    const files = [...named].map(([, file]) => file!);
    expect(files.length).toBeGreaterThan(15);
    for (const file of files) {
      expect(`${file} ${existsSync(join(root, "tests", file))}`).toBe(`${file} true`);
    }
  });

  it("ps shows no more of a server than its command line", () => {
    // Options have no secrets as values: keys are given as names of files.
    const { stdout } = spawnSync(...cliCommand(["serve", "--help"]), { encoding: "utf8" });
    expect(stdout).not.toMatch(/--[a-z-]*(password|secret|token)/i);
  });
});
