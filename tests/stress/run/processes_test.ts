// A load over several processes: shares, one begin, one result, and what happens when one of them dies.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { sharesOf } from "../../../lib/cli/stress/processes.ts";
import type { RunSettings } from "../../../lib/cli/stress/session.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { type Cli, readProc, spawnCli, startServe } from "../../support/cli.ts";
import { itUnless, NO_SIGNALS } from "../../support/systems.ts";
import { until } from "../../support/waiting.ts";
import { allAccountedFor, stress, target } from "../../support/misbehaving.ts";

const settings = (change: Partial<RunSettings>): RunSettings => ({
  ...{ connections: 7, duration: 1000, messages: 100, size: 64, message: null },
  ...{ expect: { kind: "echo" }, pipeline: null, rate: 1000, stages: [], connectRate: 10, ramp: 0 },
  ...{ tick: 0 },
  ...{ hold: false, messagesPerConnection: null, reconnect: false, warmup: 0, sources: [] },
  ...{ workers: 1, processes: 3, timeout: 1000, clientSelector: "auto", seed: null },
  ...{ selector: "auto", service: "echo", serverWorkers: 1 },
  ...change,
});

describe("the shares of processes", () => {
  const sum = (shares: RunSettings[], key: "connections" | "messages" | "rate" | "connectRate") =>
    shares.reduce((total, share) => total + share[key]!, 0);

  it("are all of it together, and each has its own connection numbers", () => {
    const shares = sharesOf(settings({}));
    expect(shares.map((share) => share.connections)).toEqual([2, 2, 3]);
    expect(shares.map((share) => share.part!.firstConnection)).toEqual([0, 2, 4]);
    expect(shares.map((share) => share.messages)).toEqual([28, 29, 43]);
    expect([sum(shares, "connections"), sum(shares, "messages")]).toEqual([7, 100]);
    expect(Math.abs(sum(shares, "rate") - 1000) < 1e-9).toBe(true);
    expect(Math.abs(sum(shares, "connectRate") - 10) < 1e-9).toBe(true);
    expect(new Set(shares.map((share) => share.seed)).size).toBe(1);
    expect(shares[0]!.seed).not.toBe(null);
    expect(shares.map((share) => share.processes)).toEqual([1, 1, 1]);
  });

  it("of stages are parts of their rates and connections", () => {
    const stages = [{ durationMs: 5, rate: { from: 0, to: 70 }, connections: { from: 7, to: 14 } }];
    const shares = sharesOf(settings({ stages, rate: null, messages: null, connectRate: null }));
    const total = shares.map((share) => share.stages[0]!.rate!.to).reduce((a, b) => a + b);
    expect(Math.abs(total - 70) < 1e-9).toBe(true);
    expect(shares[0]!.stages[0]!.connections!.from).toBe(2);
    expect(shares.map((share) => [share.rate, share.messages])).toEqual(
      Array(3).fill([null, null]),
    );
  });

  it("are no more than there are connections", () => {
    expect(sharesOf(settings({ connections: 2, processes: 5 })).length).toBe(2);
  });
});

/** The processes that a process has started. */
const childrenOf = ({ pid }: Cli): number[] =>
  readProc(`${pid}/task/${pid}/children`).trim().split(/\s+/).filter(Boolean).map(Number);

/** Not gone, and not a zombie either, which somebody's init takes its time to bury. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync("cat", [`/proc/${pid}/status`], { encoding: "utf8" });
  return /^State:\s+[^ZX]/m.test(stdout);
}

/** Starts a load of two processes that goes on for long, and waits until both have connected. */
async function startLong(name: string, stats: () => Promise<{ active: number }>, args: string[]) {
  const cli = spawnCli(["stress", name, "-c", "4", "-d", "30s", "--processes", "2", ...args]);
  for (const end = performance.now() + 15_000; (await stats()).active < 4;) {
    if (performance.now() > end) throw new Error(`not connected\n${cli.stderr()}`);
  }
  return cli;
}

describe("stress --processes", () => {
  itUnless(NO_SIGNALS, "sends each message once, over all of them", async () => {
    const first = new Set<string>();
    await using echo = await target(({ socket }) => {
      socket.once("data", (bytes: Uint8Array) => first.add(String(bytes.subarray(0, 16))));
      socket.on("data", (bytes) => socket.write(bytes));
    });
    const { code, result } = await stress([echo.name, "-c", "5", "-n", "502", "--processes", "3"]);
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ sent: 502, verified: 502 });
    expect(result.connections).toMatchObject({ requested: 5, established: 5, peak: 5 });
    expect(result.config).toMatchObject({
      processes: 3,
      connections: 5,
      messages: 502,
      workers: 3,
    });
    expect((result.config.parts as unknown[]).length).toBe(3);
    expect(result.latency_us.count).toBe(502);
    expect(first.size).toBe(5); // no two connections have the same stream
  });

  itUnless(
    NO_SIGNALS,
    "shares a rate, and has a server of its own if there is no target",
    async () => {
      const args = [
        "-c",
        "4",
        "-r",
        "2k",
        "-n",
        "600",
        "--processes",
        "2",
        "--server-workers",
        "2",
      ];
      const { code, result } = await stress(args);
      expect(code).toBe(0);
      expect(result.messages).toMatchObject({ sent: 600, verified: 600 });
      expect(result.latency_corrected_us!.count).toBe(600);
      expect(result.generator.scheduled).toBe(600);
      expect(result.config.rate).toBe(2000);
      // 300 messages at 1000 a second in each process, at the same time.
      expect(result.duration_s >= 0.29).toBe(true);
      expect(result.server).toMatchObject({ accepted: 4, workers: 2 });
    },
  );

  itUnless(NO_SIGNALS, "holds more connections than a process may have open", async () => {
    await using serve = await startServe(["--stats"]);
    const args = ["stress", serve.name, "-c", "200", "--hold", "-d", "500ms", "--json"];
    await using alone = spawnCli(args, { openFiles: 170 });
    expect((await alone.exit).code).toBe(2);
    expect(alone.stderr()).toMatch(
      /^iomux: 200 connections need about 300 open files in one process, and its limit is 170 \(RLIMIT_NOFILE\): .*ulimit -n 300.*LimitNOFILE=300.*--processes 2\n$/,
    );
    await using shared = spawnCli([...args, "--processes", "2"], {
      openFiles: 170,
      softOpenFiles: 60, // each process raises its own
    });
    const { code } = await shared.exit;
    expect(`${code} ${shared.stderr()}`).toBe("0 ");
    const result: StressResult = JSON.parse(shared.stdout());
    expect(result.connections).toMatchObject({ established: 200, lost: 0, failed: 0, peak: 200 });
    expect(result.messages).toMatchObject({ sent: 200, verified: 200 });
    expect((await serve.stats()).peak).toBe(200);
  });

  itUnless(NO_SIGNALS, "ends all of them at Ctrl-C, with a report of what was done", async () => {
    await using serve = await startServe();
    await using cli = await startLong(serve.name, () => serve.stats(), ["--json"]);
    expect(await until(() => childrenOf(cli).length === 2, 10_000)).toBe(true);
    const children = childrenOf(cli);
    await serve.statsWhen(({ bytes_in }) => bytes_in > 0, 10_000);
    cli.kill("SIGINT");
    expect((await cli.exit).code).toBe(130);
    const result: StressResult = JSON.parse(cli.stdout());
    expect(result).toMatchObject({ interrupted: true, partial: false });
    expect(result.verdict).toMatch(/^(pass|invalid)$/); // invalid: on a busy machine
    expect(result.messages.verified > 0 && allAccountedFor(result)).toBe(true);
    expect((result.config.parts as unknown[]).length).toBe(2);
    expect(await until(() => !children.some(isAlive), 5000)).toBe(true);
  });

  itUnless(
    NO_SIGNALS,
    "goes on when one dies: partial, exit 1, and a line that says so",
    async () => {
      await using serve = await startServe();
      await using cli = await startLong(serve.name, () => serve.stats(), ["--json"]);
      expect(await until(() => childrenOf(cli).length === 2, 10_000)).toBe(true);
      await serve.statsWhen(({ bytes_in }) => bytes_in > 0, 10_000);
      const [victim] = childrenOf(cli) as [number];
      process.kill(victim, "SIGKILL");
      expect((await serve.statsWhen(({ active }) => active === 2, 10_000)).active).toBe(2);
      expect(cli.ended).toBe(false);
      const [other] = childrenOf(cli).filter(isAlive) as [number];
      process.kill(other, "SIGTERM"); // the other one ends in order
      expect((await cli.exit).code).toBe(1);
      expect(cli.stderr()).toMatch(
        new RegExp(
          `^iomux: generator process [12] of 2 \\(pid ${victim}\\) was ended by SIGKILL: .*\n$`,
        ),
      );
      const result: StressResult = JSON.parse(cli.stdout());
      expect(result.partial).toBe(true);
      expect(result.connections).toMatchObject({ requested: 4, established: 2 });
    },
  );

  itUnless(NO_SIGNALS, "leaves no process behind when it is killed itself", async () => {
    await using serve = await startServe();
    await using cli = await startLong(serve.name, () => serve.stats(), []);
    const children = childrenOf(cli);
    expect(children.length).toBe(2);
    cli.kill("SIGKILL");
    await cli.exit;
    expect(await until(() => !children.some(isAlive), 10_000)).toBe(true);
    expect((await serve.statsWhen(({ active }) => active === 0, 5000)).active).toBe(0);
  });

  itUnless(NO_SIGNALS, "fails as one process does: unreachable, exit 3, one line", async () => {
    const { code, stderr } = await stress(["127.0.0.1:1", "-c", "4", "--processes", "2"]);
    expect(code).toBe(3);
    expect(stderr).toBe("iomux: Cannot connect to 127.0.0.1:1: ECONNREFUSED\n");
  });

  it("has a command that is not for people", async () => {
    await using cli = spawnCli(["stress-part"]);
    expect((await cli.exit).code).toBe(2);
    expect(cli.stderr()).toBe(
      'iomux: "stress-part" is for iomux itself: see stress --processes\n',
    );
  });
});
