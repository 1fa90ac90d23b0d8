// serve --exec: a program has the connection as its stdin and stdout, and then it comes back.
import { describe, expect, it } from "bun:test";
import { engineMissing } from "../../../lib/engine/mod.ts";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readProc, root, type RunningServer } from "../../support/cli.ts";
import { expectSameBytes, pattern } from "../../support/engines.ts";
import { TempDir } from "../../support/files.ts";
import { startExec } from "../../support/handoff.ts";
import { exchange, Peer } from "../../support/peers.ts";
import { Program } from "../../support/programs.ts";
import { NO_SIGNALS } from "../../support/systems.ts";
import { sleep, until } from "../../support/waiting.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Whether a process exists and is no zombie. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/s.test(readProc(`${pid}/stat`));
  } catch {
    return false; // none, or none any more
  }
};

/** The number that a program prints first. */
async function numberFrom(peer: Peer): Promise<number> {
  let line = "";
  while (!line.endsWith("\n") && !peer.ended) line += await peer.text(1);
  expect(line).toMatch(/^\d+\n$/);
  return Number(line);
}

const noZombies = (server: RunningServer) =>
  until(() => readProc(`${server.pid}/task/${server.pid}/children`).trim() === "");

if (NO_SIGNALS) console.log(`not run: serve --exec: ${NO_SIGNALS}`);
else {
  describe("serve --exec", () => {
    it("cat: any size, byte-exact, to the end of the stream", async () => {
      await using server = await startExec("cat");
      for (const size of [0, 1, 65_537, 3_000_001]) {
        const sent = pattern(size, size + 1);
        expectSameBytes(await exchange(server, sent), sent);
      }
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect([stats.active, stats.handoffs, stats.leases_active]).toEqual([0, 4, 0]);
      expect(await noZombies(server)).toBe(true);
    });

    it("has arguments, quoted as in a shell, and is told who its peer is", async () => {
      const command =
        `sh -c 'read line; echo "$line|$1|$TCPREMOTEIP|$TCPREMOTEPORT|$PROTO"' sh "a  b"`;
      await using server = await startExec(command);
      using peer = Peer.dial(server);
      const { port } = peer.socket.localAddress as { port: number };
      await peer.send("hello\n");
      const answer = `hello|a  b|127.0.0.1|${port}|TCP\n`;
      expect(await peer.text(answer.length)).toBe(answer);
    });

    it("that ends with 0 gives the connection back: the next bytes start another", async () => {
      await using server = await startExec(`sh -c 'read line; echo "$$ $line"'`);
      using peer = Peer.dial(server);
      const pids = new Set<string>();
      for (let i = 0; i < 5; i++) {
        await peer.send(`line ${i}\n`);
        let answer = "";
        while (!answer.endsWith("\n") && !peer.ended) answer += await peer.text(1);
        expect(answer).toMatch(new RegExp(`^\\d+ line ${i}\\n$`));
        pids.add(answer.split(" ")[0]!);
      }
      expect(pids.size).toBe(5);
      expect((await server.stats()).handoffs).toBe(5);
      expect((await server.stats()).active).toBe(1);
    });

    it("bytes that arrive while a program runs are there for the next", async () => {
      await using server = await startExec("head -c 3"); // reads no more than that from a socket
      using peer = Peer.dial(server);
      await peer.send("abc");
      expect(await peer.text(3)).toBe("abc");
      await peer.send("defghi");
      expect(await peer.text(6)).toBe("defghi");
    });

    it("runs as many at a time as there are connections", async () => {
      await using server = await startExec("cat", ["--handler-workers", "1"]);
      const peers = Array.from({ length: 40 }, () => Peer.dial(server));
      await Promise.all(peers.map((peer, i) => peer.send(`peer ${i}`)));
      for (const [i, peer] of peers.entries()) {
        expect(await peer.text(`peer ${i}`.length)).toBe(`peer ${i}`);
      }
      expect((await server.stats()).leases_active).toBe(40);
      for (const peer of peers) peer.end();
      for (const peer of peers) expect((await peer.readToEnd()).length).toBe(0);
      expect((await server.statsWhen(({ active }) => active === 0)).active).toBe(0);
    });

    for (const where of ["TCP", "a Unix socket", "an abstract one"]) {
      for (const args of [[], ["--engine", "uring"], ["--selector", "poll"], ["--workers", "2"]]) {
        it(`that ignores its input (${[where, ...args].join(" ")}): it is run once`, async () => {
          const missing = args.includes("uring") && engineMissing("uring");
          if (missing) return console.log(`not run: serve --exec on io_uring: ${missing}`);
          using dir = new TempDir();
          const path = where === "TCP"
            ? undefined
            : where === "a Unix socket"
            ? dir.file("socket")
            : `@iomux-exec-${process.pid}`;
          const unix = path === undefined ? [] : ["--unix", path];
          await using server = await startExec("echo ignored", [...unix, ...args]);
          using peer = Peer.dial(path === undefined ? server : { path });
          await peer.send("abc"); // and stays
          expect(text(await peer.readToEnd())).toBe("ignored\n");
          const stats = await server.stats();
          expect([stats.handoffs, stats.errors]).toEqual([1, {}] as unknown[]);
        });
      }
    }

    it("that ignores its input, on a Unix socket to which more comes meanwhile: it is run once", async () => {
      using dir = new TempDir();
      const path = dir.file("socket");
      await using server = await startExec("sh -c 'echo $$; sleep 0.3'", ["--unix", path]);
      using peer = Peer.dial({ path });
      await peer.send("abc");
      await numberFrom(peer);
      await peer.send("def");
      peer.end();
      expect((await peer.readToEnd()).length).toBe(0);
      expect((await server.stats()).handoffs).toBe(1);
    });

    it("that is killed in the middle: its connection is closed, and no other", async () => {
      await using server = await startExec("sh -c 'read line; echo $$; cat'");
      using victim = Peer.dial(server);
      using witness = Peer.dial(server);
      await victim.send("go\n");
      await witness.send("go\n");
      const pid = await numberFrom(victim);
      await numberFrom(witness);
      process.kill(pid, "SIGKILL");
      expect(await victim.isOver()).toBe(true);
      await server.says(/\[warn\] The handler failed on .*: sh was ended by signal 9/);
      await witness.send("still here");
      expect(await witness.text(10)).toBe("still here");
      expect((await server.stats()).leases_active).toBe(1);
    });

    it("that exits with another code: its connection is closed, and the log says which", async () => {
      await using server = await startExec("sh -c 'read line; echo $line; exit 3'");
      using peer = Peer.dial(server);
      await peer.send("hello\n");
      expect(text(await peer.readToEnd())).toBe("hello\n");
      await server.says(/The handler failed on 127\.0\.0\.1:\d+: sh ended with code 3/);
    });

    it("what a program leaves running in the background ends with it", async () => {
      await using server = await startExec("sh -c 'read line; sleep 100 & echo $!'");
      using peer = Peer.dial(server);
      await peer.send("x\n");
      const pid = await numberFrom(peer);
      expect(await until(() => !isAlive(pid))).toBe(true);
      await peer.send("y\n"); // and the connection is back
      expect(await numberFrom(peer)).not.toBe(pid);
      // Not before: it would outlive the server, and keep this test's end of stderr open.
      await server.statsWhen(({ leases_active }) => leases_active === 0);
    });

    it("a program that has disappeared: connections are closed, the log says why", async () => {
      using dir = new TempDir();
      const path = dir.file("program");
      writeFileSync(path, "#!/bin/sh\n", { mode: 0o755 });
      await using server = await startExec(path);
      rmSync(path);
      using peer = Peer.dial(server);
      await peer.send("x");
      expect(await peer.isOver()).toBe(true);
      await server.says(/Cannot start .*program: ENOENT/);
    });

    it("--trace, a Unix socket without --host, stderr passed on", async () => {
      using dir = new TempDir();
      const path = dir.file("socket");
      const script = "read line; echo $PROTO; echo complaint >&2";
      await using server = await startExec(`sh -c '${script}'`, ["--unix", path, "--trace"]);
      using peer = Peer.dial({ path });
      await peer.send("x\n");
      expect(await peer.text(5)).toBe("UNIX\n");
      await server.says(/handing .* to worker 1\n[^]*came back from worker 1/);
      await server.says(/^complaint$/m);
    });

    it("works with several loops, and with select", async () => {
      await using server = await startExec("cat", ["--workers", "2", "--selector", "select"]);
      await Promise.all(Array.from({ length: 30 }, async (_, i) => {
        const sent = pattern(20_000 + i, i);
        expectSameBytes(await exchange(server, sent), sent);
      }));
    });

    it("works where the system does not tell of an end (pidfd_open is missing)", async () => {
      const args = ["serve", "-H", "127.0.0.1", "-p", "0", "--exec", "sh -c 'read l; echo $l'"];
      const program = new Program("serve_without_pidfd.ts", args);
      try {
        const ready = await program.line();
        if (ready.startsWith("seccomp")) {
          return console.log(`not run: without pidfd_open: ${ready}`);
        }
        using peer = Peer.dial({ port: Number(/:(\d+)$/.exec(ready)![1]) });
        for (const line of ["one\n", "two\n", "three\n"]) {
          await peer.send(line);
          expect(await peer.text(line.length)).toBe(line);
        }
      } finally {
        process.kill(program.pid, "SIGTERM");
      }
      expect((await program.ended).code).toBe(0);
    });
  });

  describe("serve --exec, leases and drain", () => {
    const stubborn = `sh -c 'trap "" TERM; read line; echo $$; sleep 100 & wait; sleep 100'`;

    for (
      const [what, command] of [["sleep", "sh -c 'read l; echo $$; sleep 100'"], [
        "stubborn",
        stubborn,
      ]]
    ) {
      it(`--lease-timeout: ${what}: the connection is closed, the program ended`, async () => {
        await using server = await startExec(command!, ["--lease-timeout", "400ms"]);
        using peer = Peer.dial(server);
        await peer.send("x\n");
        const start = performance.now();
        const pid = await numberFrom(peer);
        expect(await peer.isOver()).toBe(true);
        expect(performance.now() - start).toBeGreaterThan(250);
        expect(performance.now() - start).toBeLessThan(12_000); // of 100 s
        await server.says(/took longer than the lease of 400 ms/);
        expect(await until(() => !isAlive(pid), 12_000)).toBe(true);
        expect(await noZombies(server)).toBe(true);
        expect((await server.stats()).leases_active).toBe(0);
      });
    }

    it("SIGTERM waits for programs", async () => {
      await using server = await startExec("sh -c 'read line; sleep 0.6; echo done'");
      using peer = Peer.dial(server);
      await peer.send("x\n");
      await server.statsWhen(({ leases_active }) => leases_active === 1);
      server.kill("SIGTERM");
      await server.says(/Draining: 1/);
      expect(await peer.text(5)).toBe("done\n");
      peer.end();
      expect((await server.exit).code).toBe(0);
    });

    it("--drain-timeout ends them and their kin, 1", async () => {
      await using server = await startExec(stubborn, ["--drain-timeout", "300ms"]);
      using peer = Peer.dial(server);
      await peer.send("x\n");
      const pid = await numberFrom(peer);
      server.kill("SIGTERM");
      expect((await server.exit).code).toBe(1);
      expect(await peer.isOver()).toBe(true);
      expect(await until(() => !isAlive(pid))).toBe(true);
    });
  });

  describe("serve --exec, started", () => {
    it("in the folder and with the environment of the server", async () => {
      const env = { GREETING: "good day" };
      await using server = await startExec("sh -c 'read l; pwd; echo $GREETING'", [], { env });
      using peer = Peer.dial(server);
      await peer.send("x\n");
      const answer = `${join(root, ".")}`.replace(/\/$/, "") + "\ngood day\n";
      expect(await peer.text(answer.length)).toBe(answer);
      await sleep(0);
    });
  });
}
