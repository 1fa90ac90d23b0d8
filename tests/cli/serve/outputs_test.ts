// What a server writes to that fails, or that nobody reads: it serves all the same, and ends when told to.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type RunningServer, serveByShell } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { handlerAt } from "../../support/handoff.ts";
import { dialError, exchange, Peer } from "../../support/peers.ts";
import { NO_SIGNALS } from "../../support/systems.ts";
import { until } from "../../support/waiting.ts";

const serves = async (server: RunningServer): Promise<void> => {
  for (let i = 0; i < 3; i++) {
    expect(new TextDecoder().decode(await exchange(server, "hello"))).toBe("hello");
  }
};

const endsInOrder = async (server: RunningServer): Promise<void> => {
  expect(await server.stop()).toEqual({ code: 0, signal: null });
};

if (NO_SIGNALS) console.log(`not run: serve and its outputs: ${NO_SIGNALS}`);
else {
  describe("serve, when an output fails", () => {
    const failing: [what: string, script: string][] = [
      ["stderr is a full disk", 'exec "$@" 2>/dev/full'],
      ["stderr is a pipe without a reader", 'exec 4<>$PIPE 5>$PIPE 4<&-; exec "$@" 2>&5 5>&-'],
      ["stderr is closed", 'exec "$@" 2>&-'],
    ];
    for (const [what, script] of failing) {
      it(`${what}: --trace is lost, and nothing else`, async () => {
        using folder = new TempDir();
        const PIPE = folder.file("pipe");
        expect(spawnSync("mkfifo", [PIPE]).status).toBe(0);
        await using server = await serveByShell(script, ["--trace"], { env: { PIPE } });
        await serves(server);
        await endsInOrder(server);
      });
    }

    it("stdout is a full disk: the statistics are lost, and nothing else", async () => {
      using folder = new TempDir();
      const log = folder.file("log");
      // The ready line is lost with the rest: the port is in the log.
      const args = ["--metrics", "127.0.0.1:0", "--stats"];
      const script = `echo "listening on 0.0.0.0:1"; exec "$@" >/dev/full 2>${log}`;
      await using server = await serveByShell(script, args);
      const logged = () => read(log);
      expect(await until(() => /Metrics on/.test(logged()), 15_000)).toBe(true);
      const [, metrics] = /Metrics on http:\/\/(127\.0\.0\.1:\d+)/.exec(logged())!;
      server.kill("SIGUSR1");
      expect((await fetch(`http://${metrics}/healthz`)).status).toBe(200);
      await endsInOrder(server);
    });
  });

  describe("serve, when nobody reads its log", () => {
    for (const [what, stalled] of [["stderr", "2>&4"], ["stdout", ">&4"]]) {
      it(`${what} is full: it serves, answers HTTP, and ends at the first signal`, async () => {
        using folder = new TempDir();
        const pipe = folder.file("pipe");
        expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
        // A pipe that is open for reading too is never without a reader, and this one never reads.
        const ready = what === "stdout" ? 'echo "listening on 127.0.0.1:$PORT";' : "";
        const port = 20_000 + Math.floor(Math.random() * 10_000);
        const args = [
          ...(what === "stdout" ? ["-p", `${port}`] : []),
          ...["--metrics", "127.0.0.1:0", "--handler", handlerAt("commands.ts")],
        ];
        const script =
          `exec 4<>${pipe}; head -c 65536 /dev/zero >&4; ${ready} exec "$@" ${stalled}`;
        await using server = await serveByShell(script, args, { env: { PORT: `${port}` } });
        expect(await until(() => dialError(server) === "connected", 15_000)).toBe(true);
        for (let i = 0; i < 20; i++) {
          using peer = Peer.dial(server);
          await peer.send("throw\n"); // a line in the log for each
          expect(await peer.isOver()).toBe(true);
          if (i % 5 === 0) server.kill("SIGUSR1"); // and one on stdout
        }
        using peer = Peer.dial(server);
        await peer.send("echo 3\nabc");
        expect(await peer.text(3)).toBe("abc");
        peer.end();
        await peer.readToEnd();
        const start = performance.now();
        server.kill("SIGTERM");
        expect((await server.exit).code).toBe(0);
        expect(performance.now() - start).toBeLessThan(8000);
      });
    }

    it("lines that did not fit are counted, and that is said once there is room", async () => {
      using folder = new TempDir();
      const [pipe, log] = [folder.file("pipe"), folder.file("log")];
      expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
      // The reader waits for a file before it reads anything.
      const script = `exec 4<>${pipe}; exec "$@" 2>&4`;
      await using server = await serveByShell(script, ["--trace"]);
      using peer = Peer.dial(server);
      for (let i = 0; i < 4000; i++) { // eight lines each, more than the pipe and the queue hold
        await peer.send("x");
        await peer.text(1);
      }
      peer.reset();
      const reader = spawnReader(pipe, log);
      const isSaid = () => /\[warn\] \d+ lines? of the log were lost/.test(read(log));
      expect(await until(isSaid)).toBe(true);
      await serves(server);
      await endsInOrder(server);
      process.kill(reader);
    });
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Copies a pipe to a file from now on; returns the process's id. */
function spawnReader(pipe: string, log: string): number {
  const { stdout } = spawnSync("sh", ["-c", `cat ${pipe} >${log} 2>/dev/null & echo $!`], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return Number(stdout);
}
