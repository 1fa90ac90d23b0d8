// iomux stress as a command: its reports, its options from the environment, and how it is ended.
import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { Socket } from "../../../lib/net/mod.ts";
import { type Cli, spawnCli, startServe, unwrapped } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { sleep, until } from "../../support/waiting.ts";
import { answering } from "../../support/misbehaving.ts";

const DISTRIBUTION = {
  ...{ min: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0, p99_9: 0, p99_99: 0, p99_999: 0 },
  ...{ max: 0, count: 0, unanswered: 0 },
};

/** The contract's schema, by example. `null` stands for what this version leaves empty. */
const SCHEMA = {
  iomux: "",
  command: "",
  target: "",
  selector: "",
  config: {},
  interrupted: false,
  partial: false,
  started_at: "",
  duration_s: 0,
  drain_s: 0,
  connections: { requested: 0, established: 0, failed: 0, lost: 0, reconnected: 0, peak: 0 },
  messages: {
    ...{ sent: 0, received: 0, verified: 0, mismatched: 0, timed_out: 0, lost: 0, in_flight: 0 },
  },
  bytes: { sent: 0, received: 0 },
  rate: { messages_per_s: 0, bytes_per_s: 0 },
  latency_us: DISTRIBUTION,
  latency_corrected_us: null,
  connect_us: DISTRIBUTION,
  kernel_rtt_us: { rtt: 0, variation: 0, connections: 0 },
  in_flight: { asked: 0, average: 0, accounted: 0 },
  errors: {},
  first_mismatch: null,
  generator: {
    cpu_percent: 0,
    schedule_lag_us: { p50: 0, p99: 0, max: 0 },
    timer_us: null,
    bottleneck: false,
    reason: null,
    limited_by: "",
    loop_stalls: { count: 0, max_us: 0 },
    cpu_s: { user: 0, system: 0 },
    scheduled: null,
    unsent: 0,
  },
  kernel: {},
  slowest: [],
  server: {},
  thresholds: [],
  verdict: "",
  timeline: [],
  histograms: {
    ...{ unit_ns: 0, latency: "", latency_corrected: null, connect: "", overflow: 0 },
    sums: { latency: 0, latency_corrected: 0, connect: 0 },
    maxima: { latency: 0, latency_corrected: 0, connect: 0 },
  },
  machine: {
    ...{ os: "", arch: "", kernel: "", cpus: 0, cpu_model: "", memory_bytes: 0, runtime: "" },
  },
};

/** Checks the keys and types of a value against an example; an empty object may hold anything. */
function hasShape(value: unknown, example: unknown, path: string): void {
  // Deno reads nothing of /proc, and not every system has TCP_INFO.
  if (["result.kernel", "result.kernel_rtt_us"].includes(path) && value === null) return;
  expect([path, value === null ? "null" : typeof value]).toEqual([
    path,
    example === null ? "null" : typeof example,
  ]);
  if (example === null || typeof example !== "object") return;
  const keys = Object.keys(example);
  if (keys.length === 0) return;
  expect([path, Object.keys(value as object).toSorted()]).toEqual([path, keys.toSorted()]);
  for (const [key, inner] of Object.entries(example)) {
    hasShape((value as Record<string, unknown>)[key], inner, `${path}.${key}`);
  }
}

const few = ["-c", "3", "-n", "300"];

/** Runs to the end, which must be a good one with nothing on stderr. */
async function run(args: string[], env: Record<string, string> = {}): Promise<string> {
  await using cli = spawnCli(["stress", ...args], { env });
  const { code } = await cli.exit;
  expect([code, cli.stderr()]).toEqual([0, ""]);
  return cli.stdout();
}

describe("the report of iomux stress", () => {
  it("is text with one row for each question", async () => {
    const text = await run(few);
    const names = text.split("\n").map((line) => line.slice(0, 12).trim())
      .filter((name) => /^[a-z ]+$/.test(name) && name !== "up to");
    // What the system does not tell, or what is not worth a word, has no row.
    const perhaps = ["kernel", "kernel rtt", "slowest", "limited by", "caution"];
    expect(names.filter((name) => !perhaps.includes(name))).toEqual([
      ...["target", "load", "verified", "rate", "schedule", "latency", "note", "connect"],
      ...["closure", "connections"],
      ...["errors", "generator", "verdict"],
    ]);
    expect(text).toMatch(/^ +up to +latency\n(.*[\d.]+ %\n)+\n/m);
    expect(text).toMatch(/^target .*127\.0\.0\.1:\d+ \(embedded server, epoll, 1 worker\)$/m);
    expect(text).toMatch(/^load +3 connections, 64 B messages, 1 in flight each/m);
    expect(text).toMatch(/^verified +300 of 300 messages, every byte of 19,200$/m);
    expect(text).toMatch(/^verdict +(pass|invalid)$/m); // invalid: on a busy machine
    expect(text).not.toContain("\x1b");
  });

  it("says what was wrong first", async () => {
    await using cli = spawnCli(["stress", ...few, "--service", "upper"]);
    expect((await cli.exit).code).toBe(6);
    expect(unwrapped(cli.stdout())).toMatch(
      /^verified .*3 mismatched.*first: corrupted at byte \d+ of connec/m,
    );
    expect(cli.stdout()).toMatch(/^verdict +fail$/m);
  });

  it("is with --json an object of the contract's keys and types, and nothing else", async () => {
    const text = await run([...few, "--json"]);
    hasShape(JSON.parse(text), SCHEMA, "result");
    expect(text.endsWith("}\n")).toBe(true);
  });

  it("has no server part for a target elsewhere", async () => {
    await using server = await startServe();
    const result = JSON.parse(await run([server.name, ...few, "--json"]));
    hasShape({ ...result, server: {} }, SCHEMA, "result");
    expect(result.server).toBe(null);
    expect(result.target).toBe(server.name);
  });

  it("goes to a file with -o FILE.json, and the text to stdout", async () => {
    using folder = new TempDir();
    const file = folder.file("result.json");
    const text = await run([...few, "-o", file]);
    expect(text).toMatch(/^verified +300 of 300/m);
    const result = JSON.parse(readFileSync(file, "utf8"));
    hasShape(result, SCHEMA, "result");
    expect(result.messages.verified).toBe(300);
  });

  it("is not lost to a file that can't be written: that fails at once", async () => {
    const start = performance.now();
    await using cli = spawnCli(["stress", "-d", "20s", "-o", "/nonexistent/result.json"]);
    expect((await cli.exit).code).toBe(1);
    expect(cli.stderr()).toMatch(/^iomux: .*\/nonexistent\/result\.json.*\n$/);
    expect(cli.stdout()).toBe("");
    expect(performance.now() - start).toBeLessThan(8000);
  });
});

describe("the options of iomux stress", () => {
  it("can come from the environment, and the command line is stronger", async () => {
    const env = {
      IOMUX_STRESS_CONNECTIONS: "7",
      IOMUX_STRESS_MESSAGES: "70",
      IOMUX_STRESS_SIZE: "1KiB",
      IOMUX_STRESS_PIPELINE: "2",
      IOMUX_STRESS_SERVICE: "upper",
      IOMUX_STRESS_EXPECT: "upper",
      IOMUX_STRESS_SELECTOR: "poll",
      IOMUX_STRESS_CLIENT_SELECTOR: "select",
      IOMUX_STRESS_WORKERS: "2",
      IOMUX_STRESS_JSON: "1",
    };
    const result = JSON.parse(await run(["--pipeline", "3"], env));
    expect(result.connections.requested).toBe(7);
    expect(result.messages.verified).toBe(70);
    expect(result.bytes.sent).toBe(70 * 1024);
    expect(result.config.pipeline).toBe(3);
    expect(result.config.workers).toBe(2);
    expect(result.selector).toBe("select");
    expect(result.server.selector).toBe("poll");
  });

  it("of the embedded server do not hurt a run against a target, when the environment has them", async () => {
    await using server = await startServe();
    const result = JSON.parse(
      await run([server.name, ...few, "--json"], {
        IOMUX_STRESS_SELECTOR: "poll",
        IOMUX_STRESS_SERVICE: "upper",
      }),
    );
    expect(result.messages.verified).toBe(300);
  });
});

describe("the target of iomux stress", () => {
  it("on the command line is stronger than IOMUX_STRESS_UNIX", async () => {
    await using server = await startServe();
    const text = await run([server.name, ...few], { IOMUX_STRESS_UNIX: "/nonexistent/socket" });
    expect(text).toMatch(/^verified +300 of 300/m);
  });

  it("may be a name of which only the second address answers", async () => {
    await using server = await startServe(["--host", "::1"]);
    const port = server.name.slice(server.name.lastIndexOf(":"));
    expect(await run([`localhost${port}`, ...few])).toMatch(/^verified +300 of 300/m);
  });

  it("may follow --json, which takes no value", async () => {
    await using server = await startServe();
    expect(JSON.parse(await run([...few, "--json", server.name])).target).toBe(server.name);
    expect(existsSync(server.name)).toBe(false);
  });
});

describe("iomux stress ends on a signal", () => {
  async function ended(cli: Cli, signal: NodeJS.Signals): Promise<number | null> {
    const start = performance.now();
    cli.kill(signal);
    const { code } = await cli.exit;
    expect(performance.now() - start).toBeLessThan(15_000);
    expect(cli.stderr()).toBe("");
    return code;
  }

  it("with what was measured so far: SIGINT is 130, in JSON", async () => {
    const seen = Promise.withResolvers<void>();
    await using target = await answering((message, sequence) => {
      if (sequence > 50) seen.resolve();
      return message;
    });
    await using cli = spawnCli(["stress", target.name, "-c", "2", "-d", "40s", "--json"]);
    await seen.promise;
    expect(await ended(cli, "SIGINT")).toBe(130);
    const result = JSON.parse(cli.stdout());
    hasShape({ ...result, server: {} }, SCHEMA, "result");
    expect(result.interrupted).toBe(true);
    expect(result.messages.verified).toBeGreaterThan(50);
    expect(result.messages.mismatched + result.messages.lost).toBe(0);
    expect(result.duration_s).toBeLessThan(20);
  });

  it("with what was measured so far: SIGTERM is 143, as text", async () => {
    const seen = Promise.withResolvers<void>();
    await using target = await answering((message, sequence) => {
      if (sequence > 50) seen.resolve();
      return message;
    });
    await using cli = spawnCli(["stress", target.name, "-c", "2", "-n", "100m"]);
    await seen.promise;
    expect(await ended(cli, "SIGTERM")).toBe(143);
    expect(cli.stdout()).toMatch(/^verdict +(pass|invalid) \(interrupted\)$/m);
  });

  it("while it waits for a reply that does not come", async () => {
    const seen = Promise.withResolvers<void>();
    await using target = await answering(() => {
      seen.resolve();
      return null;
    });
    await using cli = spawnCli(["stress", target.name, "-c", "1", "--timeout", "1h", "--json"]);
    await seen.promise;
    await sleep(200);
    expect(await ended(cli, "SIGINT")).toBe(130);
    expect(JSON.parse(cli.stdout()).interrupted).toBe(true);
  });

  it("while it waits for a connection that does not come", async () => {
    using full = Socket.listen({ host: "127.0.0.1", backlog: 0 });
    const { port } = full.localAddress as { port: number };
    await using cli = spawnCli([
      ...["stress", `127.0.0.1:${port}`, "-c", "8", "-n", "8", "--timeout", "1h", "--json"],
    ]);
    const syn = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, "0")} 02 `); // SYN_SENT
    await until(() => syn.test(readFileSync("/proc/net/tcp", "latin1")));
    expect(await ended(cli, "SIGINT")).toBe(130);
    const result = JSON.parse(cli.stdout());
    expect(result.interrupted).toBe(true);
    expect(result.messages.sent).toBe(0);
  });
});
