// How a run ends, and what it refuses: counts with stages, nothing measured, backlogs, itself as its target.
import { describe, expect, it } from "bun:test";
import { createServer } from "node:net";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Socket } from "../../../lib/net/mod.ts";
import { spawnCli, startServe } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { answering, stress, target } from "../../support/misbehaving.ts";
import { inNamespace, NO_NAMESPACE } from "../../support/namespaces.ts";
import { itUnless, NO_SIGNALS } from "../../support/systems.ts";
import { until } from "../../support/waiting.ts";

const NOT_LINUX = process.platform === "linux" ? undefined : "as Linux does it";

describe("a run by count", () => {
  it("ends when all messages are sent, also where its connections become fewer", async () => {
    using folder = new TempDir();
    const stages = {
      stages: [
        { duration: "10ms", connections: 4 },
        { duration: "60s", connections: 1, ramp: true },
      ],
    };
    writeFileSync(folder.file("s.json"), JSON.stringify(stages));
    const args = ["--scenario", folder.file("s.json"), "-n", "2000"];
    const { code, result, ms } = await stress(args, 50_000);
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ sent: 2000, verified: 2000 });
    expect(ms).toBeLessThan(50_000);
  });

  it("sends what a connection leaves that is retired", async () => {
    using folder = new TempDir();
    const stages = {
      stages: [
        { duration: "10ms", connections: 4 },
        { duration: "300ms", connections: 1, ramp: true },
        { duration: "60s", connections: 1 },
      ],
    };
    writeFileSync(folder.file("s.json"), JSON.stringify(stages));
    await using slow = await answering((message, _, { socket }) => {
      const reply = Buffer.from(message);
      setTimeout(() => socket.writable && socket.write(reply), 20);
      return null;
    });
    const args = ["--scenario", folder.file("s.json"), "-n", "120"];
    const { code, result } = await stress([slow.name, ...args], 50_000);
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ sent: 120, verified: 120 });
  });
});

describe("a run in which nothing is measured", () => {
  it("is invalid, and fails with --strict", async () => {
    // Answers come later than the end, however long that takes on this machine.
    await using late = await answering((message, _, { socket }) => {
      const reply = Buffer.from(message);
      setTimeout(() => socket.writable && socket.write(reply), 1000);
      return null;
    });
    const args = ["stress", late.name, "-c", "1", "-d", "1us", "--strict", "--json"];
    await using cli = spawnCli(args);
    expect((await cli.exit).code).toBe(8);
    const result = JSON.parse(cli.stdout());
    expect(result.verdict).toBe("invalid");
    expect(result.generator.reason).toMatch(
      /^nothing was measured: the reply took 1\S* s, and --duration was 1 us \(the run took /,
    );
  });
});

describe("a run that is ended before its messages count", () => {
  const early = { "is connecting": ["--connect-rate", "0.1"], "warms up": ["--warmup", "30s"] };
  for (const [when, args] of Object.entries(early)) {
    itUnless(
      NO_SIGNALS,
      `took no time, and neither did a sum of such runs, while it ${when}`,
      async () => {
        let connected = 0;
        await using deaf = await target(({ socket }) => {
          connected++;
          socket.resume();
        });
        using folder = new TempDir();
        const files = ["a.json", "b.json"].map((name) => folder.file(name));
        for (const [i, file] of files.entries()) {
          const load = ["-c", "2", "-d", "30s", ...args, "-o", file];
          await using cli = spawnCli(["stress", deaf.name, ...load]);
          await until(() => connected > i * (when === "is connecting" ? 1 : 2));
          cli.kill("SIGINT");
          expect((await cli.exit).code).toBe(130);
        }
        await using sum = spawnCli(["report", ...files, "--json"]);
        await sum.exit;
        const results = [...files.map((file) => readFileSync(file, "utf8")), sum.stdout()];
        for (
          const { duration_s, rate, generator, in_flight: inFlight } of results.map((text) =>
            JSON.parse(text)
          )
        ) {
          expect([duration_s, rate]).toEqual([0, { messages_per_s: 0, bytes_per_s: 0 }]);
          expect([generator.cpu_percent, generator.cpu_s]).toEqual([0, { user: 0, system: 0 }]);
          expect(generator.reason).toMatch(/nothing was measured/);
          expect(inFlight.average).toBe(0);
        }
      },
    );
  }
});

describe("a run that is shorter than the quickest answer", () => {
  it("is invalid each time, whatever comes in the turn in which it ends", async () => {
    for (let i = 0; i < 5; i++) {
      const { code, result } = await stress(["-d", "1us"]);
      expect([code, result.verdict]).toEqual([0, "invalid"]);
      expect(result.generator.reason).toMatch(/^nothing was measured: /);
    }
  });
});

describe("a message of a file", () => {
  it("is its bytes, whatever they are", async () => {
    using folder = new TempDir();
    const all = Uint8Array.from([
      0x41,
      0xff,
      0xfe,
      0x80,
      0x42,
      0x5c,
      0x6e,
      ...Buffer.from("{conn}{seq}"),
    ]);
    writeFileSync(folder.file("m"), all);
    const received: Buffer[] = [];
    await using sink = await target(({ socket }) => {
      socket.on("data", (chunk: Buffer) => {
        received.push(chunk);
        socket.write(chunk);
      });
    });
    const { code, result } = await stress([
      sink.name,
      "-c",
      "1",
      "-n",
      "2",
      "--message-file",
      folder.file("m"),
    ]);
    expect(code).toBe(0);
    expect(Buffer.concat(received)).toEqual(Buffer.concat([all, all]));
    expect(result.bytes.sent).toBe(2 * all.length);
  });
});

describe("connects", () => {
  itUnless(NOT_LINUX, "to a Unix socket with a full backlog are tried again", async () => {
    using folder = new TempDir();
    const path = folder.file("s.sock");
    using listener = Socket.listen({ path, backlog: 1 });
    const cli = spawnCli(["stress", "--unix", path, "-c", "20", "-n", "20", "--json"]);
    await using run = cli;
    // Nobody accepts for a while: the backlog is full, and most are refused.
    await until(() => run.ended, 1500);
    const accepted: Socket[] = [];
    const buffer = new Uint8Array(64);
    const serve = setInterval(() => {
      for (let socket = listener.accept(); socket; socket = listener.accept()) {
        accepted.push(socket);
      }
      for (const socket of accepted) {
        try {
          const n = socket.recv(buffer);
          if (n > 0) socket.send(buffer, 0, n);
        } catch {
          // gone
        }
      }
    }, 2);
    const { code } = await run.exit;
    clearInterval(serve);
    for (const socket of accepted) socket.close();
    const result = JSON.parse(run.stdout());
    expect([code, result.connections.failed, result.errors]).toEqual([0, 0, {}]);
    expect(result.messages.verified).toBe(20);
  });

  itUnless(
    NOT_LINUX,
    "to a backlog that stays full are a time-out, as with client and probe",
    async () => {
      using folder = new TempDir();
      const path = folder.file("s.sock");
      using _listener = Socket.listen({ path, backlog: 0 });
      using _first = Socket.connect({ path, timeoutMs: 1000 });
      const lines = [
        ["stress", "-c", "2", "-n", "2", "--timeout", "300ms"],
        ["probe", "--timeout", "300ms"],
        ["client", "-w", "300ms"],
      ];
      for (const line of lines) {
        await using cli = spawnCli([...line, "--unix", path]);
        expect([line[0], (await cli.exit).code]).toEqual([line[0], 4]);
        expect(cli.stderr()).toContain(`Cannot connect to unix:${path} within 300 ms: ETIMEDOUT`);
        expect(cli.stderr() + cli.stdout()).not.toContain("EAGAIN");
      }
    },
  );

  itUnless(NO_NAMESPACE, "never reach themselves: exit 3", async () => {
    const script = `ip link set lo up; echo 28000 28001 > /proc/sys/net/ipv4/ip_local_port_range
      exec "$@" stress 127.0.0.1:28000 -c 1 -n 3 --json`;
    await using cli = spawnCli([], { through: inNamespace(script) });
    const { code } = await cli.exit;
    expect([code, JSON.parse(cli.stdout()).messages.verified]).toEqual([3, 0]);
  });

  it("from an address that is not ours name it", async () => {
    await using serve = await startServe();
    await using cli = spawnCli([
      "stress",
      serve.name,
      "--source",
      "192.0.2.7",
      "-c",
      "1",
      "-n",
      "1",
    ]);
    expect((await cli.exit).code).toBe(3);
    expect(cli.stderr()).toMatch(/^iomux: .*192\.0\.2\.7.*EADDRNOTAVAIL/);
  });
});

describe("a run by time", () => {
  it("waits for the last reply, also while the thinking time of a lost connection ends", async () => {
    await using server = await target(({ number, socket }) => {
      socket.on("error", () => {});
      let answered = 0;
      socket.on("data", (message) => {
        const isSecond = ++answered === 2;
        if (isSecond && number === 0) socket.end(message); // it thinks until after the end of the run
        else if (isSecond) setTimeout(() => socket.write(message), 900);
        else socket.write(message);
      });
    });
    const load = ["-c", "2", "--think", "400ms", "-d", "600ms"];
    const { result } = await stress([server.name, ...load]);
    expect(result.messages).toMatchObject({ sent: 4, verified: 4, lost: 0 });
    expect(result.drain_s).toBeGreaterThan(0.5);
  });
});

describe("SIGUSR1", () => {
  itUnless(NOT_LINUX, "prints how a run is going, and the run goes on", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => socket.write(chunk));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    await using cli = spawnCli(["stress", `127.0.0.1:${port}`, "-c", "2", "-d", "60s", "--json"]);
    let connected = 0;
    server.on("connection", () => connected++);
    await until(() => connected === 2, 30_000);
    cli.kill("SIGUSR1");
    const line = /^iomux: (starting|connecting |[\d.]+ s .*0 errors)/;
    expect(await until(() => line.test(cli.stderr()), 30_000)).toBe(true);
    cli.kill("SIGTERM");
    expect((await cli.exit).code).toBe(143);
    server.close();
  });
});
