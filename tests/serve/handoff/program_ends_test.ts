// serve --exec and the ends of programs: what they leave behind, and what is done to them.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { readProc, root, type RunningServer, serveByShell, spawnCli } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { startExec } from "../../support/handoff.ts";
import { exchange, Peer } from "../../support/peers.ts";
import { NO_SIGNALS } from "../../support/systems.ts";
import { sleep, until } from "../../support/waiting.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Whether a process exists and is no zombie. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readProc(`${pid}/stat`));
  } catch {
    return false;
  }
};

/** Processes that have ended, and whose parent, a process, has not waited for them. */
function zombiesOf(parent: number): number {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "--ppid", `${parent}`], { encoding: "utf8" });
  return stdout.split("\n").filter((stat) => stat.startsWith("Z")).length;
}

/** What a program writes into a file, as soon as it is whole. */
async function numbersIn(file: string, count: number): Promise<number[]> {
  const numbers = () => existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  expect(await until(() => numbers().length >= count)).toBe(true);
  return numbers().map(Number);
}

if (NO_SIGNALS) console.log(`not run: serve --exec and ends: ${NO_SIGNALS}`);
else {
  describe("serve --exec and the environment of a program", () => {
    it("one entry for a name, the server's own for its peer; other bytes are passed on unchanged", async () => {
      const script = `TCPREMOTEIP=6.6.6.6 TCPREMOTEHOST=forged.example RAW=$(printf 'a\\377b') \
        LISTEN_FDS=1 exec "$@"`;
      const command =
        `sh -c 'env | grep -ac ^TCPREMOTEIP=; echo "$TCPREMOTEIP|$TCPREMOTEHOST|"; printf %s "$RAW"'`;
      await using server = await serveByShell(script, ["--exec", command]);
      const bytes = await exchange(server, "x");
      expect(new TextDecoder("latin1").decode(bytes)).toBe(
        "1\n127.0.0.1||\na\xffb".replace("||", "||"),
      );
    });

    it("a Unix socket's program is told of no address, whatever the server was told", async () => {
      using folder = new TempDir();
      const path = folder.file("socket");
      const env = { TCPREMOTEIP: "6.6.6.6", PROTO: "TCP" };
      await using _ = await startExec(`sh -c 'read x; echo "$PROTO|$TCPREMOTEIP|"'`, [
        "--unix",
        path,
      ], {
        env,
      });
      expect(text(await exchange({ path }, "x\n"))).toBe("UNIX||\n");
    });
  });

  describe("serve --exec at the start", () => {
    const refused = async (command: string, why: RegExp) => {
      await using cli = spawnCli(["serve", "-p", "0", "-H", "127.0.0.1", "--exec", command]);
      expect((await cli.exit).code).toBe(2);
      expect(cli.stderr()).toMatch(/^iomux: [^\n]+\n$/);
      expect(cli.stderr()).toMatch(why);
    };

    it("a broken program is refused, and one of another machine or without its loader", async () => {
      using folder = new TempDir();
      const program = folder.file("program");
      const whole = readFileSync("/bin/sh");
      const changed = (at: number, ...bytes: number[]) => {
        const copy = Buffer.from(whole);
        copy.set(bytes, at);
        return copy;
      };
      const loader = whole.indexOf("/ld-"); // of PT_INTERP
      for (
        const [content, why] of [
          [whole.subarray(0, 4), /broken program/],
          [whole.subarray(0, 100), /broken program/],
          [whole.subarray(0, 5000), /broken program/],
          [changed(16, 1, 0), /broken program/], // e_type: an object file
          [changed(56, 0, 0), /broken program/], // e_phnum: nothing to load
          [changed(18, 8, 0), /another kind of machine/], // e_machine: MIPS
          [changed(loader, 0x2f, 0x78), /its loader \S*\/xd-\S* does not exist/],
        ] as const
      ) {
        writeFileSync(program, content);
        chmodSync(program, 0o755);
        await refused(program, why);
      }
      writeFileSync(program, whole);
      await using server = await startExec(`${program} -c 'echo hello'`);
      expect(text(await exchange(server, "x"))).toBe("hello\n");
    });

    it("a script whose interpreter can't be started is refused, however many stand in between", async () => {
      using folder = new TempDir();
      const script = folder.file("script");
      const other = folder.file("other");
      writeFileSync(script, `#!${other}\necho\n`);
      chmodSync(script, 0o755);
      for (
        const [content, mode, why] of [
          ["echo\n", 0o755, /interpreter \S+\/other can't be started: .*#!/],
          [
            "#!/no/such\n",
            0o755,
            /other can't be started: its interpreter \/no\/such does not exist/,
          ],
          [`#!${script}\n`, 0o755, /too many scripts/],
          ["\x7fELF", 0o755, /other can't be started: it is a broken program/],
          ["#!/bin/sh\n", 0o644, /interpreter \S+\/other may not be executed/],
          [`#!${folder.path}\n`, 0o755, /may not be executed/],
        ] as const
      ) {
        writeFileSync(other, content);
        chmodSync(other, mode);
        await refused(script, why);
      }
      if (process.platform !== "linux") return;
      writeFileSync(other, "#!/bin/sh\necho interpreted\n");
      chmodSync(other, 0o755);
      await using server = await startExec(script);
      expect(text(await exchange(server, "x"))).toBe("interpreted\n");
    });

    it("a script without #! is refused, and one whose interpreter is missing", async () => {
      using folder = new TempDir();
      const script = folder.file("script");
      for (
        const [content, why] of [
          ["echo hello\n", /#!/],
          ["", /#!/],
          ["#!/bin/sh\r\necho\r\n", /its interpreter \/bin\/sh\\r does not exist/],
          ["#!/no/such/interpreter -x\necho\n", /\/no\/such\/interpreter/],
        ] as const
      ) {
        writeFileSync(script, content);
        chmodSync(script, 0o755);
        await refused(script, why);
      }
      writeFileSync(script, "#!/bin/sh\necho hello\n");
      await using server = await startExec(script);
      expect(text(await exchange(server, "x"))).toBe("hello\n");
    });
  });

  describe("serve --exec and what programs leave behind", () => {
    it("a program that fails with input unread does not reset its peer", async () => {
      await using server = await startExec("sh -c 'echo answer; exit 3'");
      for (let i = 0; i < 10; i++) {
        using peer = Peer.dial(server);
        await peer.send("x".repeat(1000));
        await server.says(/ended with code 3/);
        await sleep(10);
        expect(text(await peer.readToEnd())).toBe("answer\n");
      }
    });

    it("a grandchild in a session of its own does not keep the connection open", async () => {
      using folder = new TempDir();
      const file = folder.file("pids");
      const command = folder.file("program");
      writeFileSync(
        command,
        `#!/bin/sh
        setsid sh -c 'echo $$ >>'${file}'; exec sleep 30' &
        until grep -q . ${file} 2>/dev/null && [ "$(wc -l <${file})" -gt "$(cat ${file}.ended | wc -l)" ]
        do sleep 0.02; done
        read line; echo bye; echo >>${file}.ended; exit $line\n`,
      );
      chmodSync(command, 0o755);
      writeFileSync(`${file}.ended`, "");
      await using server = await startExec(command);
      try {
        for (const [i, code] of [0, 1].entries()) {
          using peer = Peer.dial(server);
          await peer.send(`${code}\n`);
          expect(await peer.text(4)).toBe("bye\n");
          if (code === 0) peer.end();
          const start = performance.now();
          await peer.readToEnd();
          expect(performance.now() - start).toBeLessThan(8000);
          const pids = await numbersIn(file, i + 1);
          expect(isAlive(pids.at(-1)!)).toBe(true); // it held the connection
        }
      } finally {
        for (const pid of await numbersIn(file, 2)) process.kill(pid, "SIGKILL");
      }
    });

    for (const program of ["serve_dying.ts throw", "serve_dying.ts exit"]) {
      it(`${program}: a worker that dies takes its programs with it, and none is a zombie`, async () => {
        using folder = new TempDir();
        const file = folder.file("pids");
        const command = `sh -c 'echo $$ >>${file}; trap "" TERM; while :; do sleep 0.1; done'`;
        const [name, how] = program.split(" ");
        await using server = await startExec(command, [], { program: name!, env: { HOW: how! } });
        const peers = Array.from({ length: 3 }, () => Peer.dial(server));
        for (const peer of peers) await peer.send("x");
        const pids = await numbersIn(file, 3);
        using killer = Peer.dial(server);
        await killer.send("die"); // the fourth connection
        expect(await until(() => !pids.some(isAlive))).toBe(true);
        if (how === "throw") {
          await server.says(/Worker 1 died: .*another takes its place/);
          expect(zombiesOf(server.pid)).toBe(0);
        } else expect((await server.exit).code).toBe(1);
        for (const peer of peers) expect(await peer.isOver()).toBe(true);
        for (const peer of peers) peer.reset();
      });
    }
  });

  describe("serve --exec --selector select with descriptors above FD_SETSIZE", () => {
    it("is not ended by a program that it can't watch", async () => {
      const args = ["--selector", "select", "--max-connections", "2000"];
      await using server = await startExec("timeout 30 cat", args, { openFiles: 2000 });
      const idle = Array.from({ length: 970 }, () => Peer.dial(server));
      await server.statsWhen(({ active }) => active === idle.length);
      // Connections that it can watch still; of their pidfds some have numbers above 1023.
      const peers = Array.from({ length: 30 }, () => Peer.dial(server));
      for (const peer of peers) await peer.send("hello");
      const answers = await Promise.all(peers.map((peer) => peer.text(5).catch(() => "closed")));
      // The runtimes have descriptors of their own: the last connections may be above it themselves.
      const served = peers.filter((_, i) => answers[i] === "hello");
      expect(served.length).toBeGreaterThan(5);
      const { stdout } = spawnSync("ls", [`/proc/${server.pid}/fd`], { encoding: "utf8" });
      expect(Math.max(...stdout.trim().split("\n").map(Number))).toBeGreaterThanOrEqual(1023);
      for (const peer of served) {
        peer.end();
        expect(text(await peer.readToEnd())).toBe("");
      }
      expect((await server.stats()).worker_restarts).toBe(0);
      for (const peer of idle) peer.reset();
    });
  });

  describe("serve as process 1", () => {
    it("reaps orphans, and takes no child away that something waits for", async () => {
      const can =
        spawnSync("unshare", ["-pfr", "--mount-proc", "--kill-child", "true"]).status === 0;
      if (!can) return console.log("not run: no pid namespaces here");
      const orphans = `sh -c '(setsid sleep 0.2 &); read x; echo done'`;
      const script = 'exec unshare -pfr --mount-proc --kill-child "$@"';
      await using server = await serveByShell(script, ["--exec", orphans]);
      for (let i = 0; i < 5; i++) expect(text(await exchange(server, "x\n"))).toBe("done\n");
      const first = firstChildOf(server);
      await sleep(300);
      expect(await until(() => zombiesOf(first) === 0)).toBe(true);
      expect((await server.says(/listening/, "stdout"))[0]).toBe("listening");
      process.kill(first, "SIGTERM");
      await server.exit;
      expect(server.stderr()).not.toMatch(/failed/);
    });

    it("a handler's own children are waited for by the handler", async () => {
      const can =
        spawnSync("unshare", ["-pfr", "--mount-proc", "--kill-child", "true"]).status === 0;
      if (!can) return;
      const handler = `${root}tests/support/handlers/children.ts`;
      const script = 'exec unshare -pfr --mount-proc --kill-child "$@"';
      await using server = await serveByShell(script, ["--handler", handler], {
        denoFlags: ["-q", "-A"], // it starts programs
      });
      const peers = Array.from({ length: 3 }, () => Peer.dial(server));
      for (const peer of peers) await peer.send("go\n");
      // Each child has ended long before its handler asks.
      for (const peer of peers) expect(await peer.text(2)).toBe("7\n");
      for (const peer of peers) peer.reset();
      process.kill(firstChildOf(server), "SIGTERM");
      await server.exit;
    });
  });
}

/** The server itself, where unshare(1) is its parent. */
const firstChildOf = ({ pid }: RunningServer): number =>
  Number(readProc(`${pid}/task/${pid}/children`).trim().split(" ")[0]);
