// How iomux stress judges: thresholds, comparisons, searches and baselines, as commands.
import { describe, expect, it } from "bun:test";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { exitCodeOf, UsageError } from "../../../lib/cli/exit.ts";
import { readBaseline } from "../../../lib/cli/results/baseline.ts";
import { exitCode } from "../../../lib/cli/results/exit_code.ts";
import { roundsOf, runCompare } from "../../../lib/cli/stress/compare.ts";
import { runFindRate } from "../../../lib/cli/stress/find_rate.ts";
import { initialValues } from "../../../lib/cli/options/option.ts";
import { STRESS } from "../../../lib/cli/stress/command.ts";
import type { RunSettings } from "../../../lib/cli/stress/session.ts";
import { configOf, readSettings, type StressJob } from "../../../lib/cli/stress/settings.ts";
import { availableSelectors } from "../../../lib/selectors/mod.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { spawnCli } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { until } from "../../support/waiting.ts";
import { answering } from "../../support/misbehaving.ts";
import { sampleResult } from "../../support/sample_results.ts";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function stress(...args: string[]): Promise<Ended> {
  await using cli = spawnCli(["stress", ...args]);
  const { code } = await cli.exit;
  return { code, stdout: cli.stdout(), stderr: cli.stderr() };
}

/** A short run of few. */
const few = ["-c", "2", "-n", "200"];

/** The settings of a run without options. */
const settings = readSettings(
  { ...initialValues(STRESS.options), tls: undefined, target: undefined },
  new Set(),
);

const sample = sampleResult({ seconds: 1 });

const jobOf = (
  change: Partial<RunSettings>,
  options: Partial<StressJob["options"]>,
  given: string[] = [],
): StressJob => ({
  settings: { ...settings, ...change },
  options: { ...initialValues(STRESS.options), ...options },
  given: new Set(given),
  threshold: [],
});

/** For what must be refused before anything starts. */
const neverSpawn = (): never => {
  throw new Error("a thread was started");
};

async function rejects(action: Promise<unknown>, why: RegExp): Promise<void> {
  let error: unknown;
  try {
    await action;
  } catch (thrown) {
    error = thrown;
  }
  expect(exitCodeOf(error)).toBe(2);
  expect((error as Error).message).toMatch(why);
}

const descriptors = (pid: number): number =>
  execFileSync("ls", [`/proc/${pid}/fd`], { encoding: "utf8" }).split("\n").length;

describe("iomux stress --threshold", () => {
  it("ends with 7 when one does not hold, and says which", async () => {
    const { code, stdout, stderr } = await stress(
      ...[...few, "--threshold", "p99<1us", "--threshold", "errors==0", "--threshold", "p9.5>0"],
    );
    expect([code, stderr]).toEqual([7, ""]);
    expect(stdout).toMatch(/^threshold +FAILED +p99<1us: /m);
    expect(stdout).toMatch(/^threshold +ok +errors==0: 0$/m);
    expect(stdout).toMatch(/^threshold +ok +p9\.5>0: \d/m);
    expect(stdout).toMatch(/^verdict +fail$/m);
  });

  it("is a usage error when it can't be judged: 2, one line, and nothing has begun", async () => {
    const { code, stdout, stderr } = await stress("--threshold", "p99_corrected<5ms");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      'iomux: threshold "p99_corrected<5ms" needs a schedule: a closed loop has none, give a --rate\n',
    );
  });

  it("comes after wrong bytes and unreachable targets, and before what was lost on the way", () => {
    const failed = [{ expression: "p99<1us", value: 9, ok: false }];
    const code = (change: Partial<StressResult>, thresholds = failed) =>
      exitCode([{ ...sample, ...change, thresholds }], true);
    const messages = { ...sample.messages, mismatched: 1, timed_out: 1, lost: 1 };
    expect(code({ messages })).toBe(6);
    expect(code({ messages: { ...messages, mismatched: 0 } })).toBe(7);
    expect(code({ messages: { ...messages, mismatched: 0 } }, [])).toBe(4);
    expect(code({ messages: { ...messages, mismatched: 0, timed_out: 0 } }, [])).toBe(5);
    expect(code({ verdict: "invalid" })).toBe(7);
    expect(code({ verdict: "invalid" }, [])).toBe(8);
    const connections = { ...sample.connections, established: 0, failed: 50 };
    expect(code({ connections, errors: { ECONNREFUSED: 50 } })).toBe(3);
    expect(code({}, [])).toBe(0);
  });

  it("of several runs: the gravest counts", () => {
    const lossy = { ...sample, messages: { ...sample.messages, lost: 1 } };
    const wrong = { ...sample, messages: { ...sample.messages, mismatched: 1 } };
    expect(exitCode([sample, lossy, wrong], false)).toBe(6);
    expect(exitCode([sample, lossy], false)).toBe(5);
    expect(exitCode([sample, sample], false)).toBe(0);
  });
});

describe("iomux stress --compare", () => {
  it("runs rounds of each and tells their ratios with intervals", async () => {
    const { code, stdout, stderr } = await stress(
      ...["--compare", "select,poll", "-c", "2", "-n", "900", "--warmup", "10ms", "--json"],
    );
    expect([code, stderr]).toEqual([0, "iomux: 3 rounds of 2 selectors\n"]);
    const { compare, results, verdict, interrupted } = JSON.parse(stdout);
    expect(verdict).toMatch(/^(pass|invalid)$/); // invalid: on a busy machine
    expect([interrupted, compare.rounds, compare.confidence]).toEqual([false, 3, 0.95]);
    const [select, poll] = compare.rows;
    expect([select.name, poll.name]).toEqual(["select", "poll"]);
    expect(select.rate.ratio).toBe(null);
    const { ratio, low, high } = poll.rate.ratio;
    expect(ratio).toBeCloseTo(poll.rate.value / select.rate.value, 2);
    expect(low <= ratio && ratio <= high).toBe(true);
    expect(["faster", "slower", "no significant difference"]).toContain(poll.word);
    for (const [i, name] of ["select", "poll"].entries()) {
      expect(results[i].name).toBe(name);
      expect(results[i].result.server.selector).toBe(name);
      expect(results[i].result.messages.verified).toBe(results[i].result.latency_us.count);
      expect(results[i].result.config.rounds).toBe(3);
    }
  });

  it("prints what it has after Ctrl-C: 130", async () => {
    using folder = new TempDir();
    const md = folder.file("x.md");
    await using cli = spawnCli(["stress", "--compare", "select,poll", "-d", "10m", "-o", md]);
    // It has as many descriptors when its connections are open.
    expect(await until(() => descriptors(cli.pid) > 80, 20_000)).toBe(true);
    cli.kill("SIGINT");
    const { code } = await cli.exit;
    expect(code).toBe(130);
    expect(cli.stdout()).toMatch(/^result +poll: no ratio/m);
    expect(cli.stdout()).toMatch(/^verdict +\w+ \(interrupted\)$/m);
    expect(readFileSync(md, "utf8").split("\n")[0]).toMatch(/: \w+ \(interrupted\)$/);
  });

  const refused = (change: Partial<RunSettings>, compare = "select,poll", given: string[] = []) =>
    runCompare(jobOf(change, { compare }, given), [], neverSpawn);

  it("is a usage error with a target, with one name, and with names that there are not", async () => {
    await rejects(refused({ target: "127.0.0.1:1" }), /there is another target/);
    await rejects(refused({}, "select"), /needs two selectors/);
    await rejects(
      refused({}, "select,epol"),
      /no selector "epol" \(did you mean epoll\?\)/,
    );
    await rejects(refused({}, undefined, ["selector"]), /'--selector' exclude each other/);
    await rejects(refused({ stages: [{ durationMs: 1 }] }), /has no stages/);
    const missing = availableSelectors().find(({ available }) => !available);
    if (missing) await rejects(refused({}, `select,${missing.name}`), /available: /);
  });

  it("has ten rounds, fewer if they would be very short, but never less than three", () => {
    const of = (change: Partial<RunSettings>) => {
      const { rounds, each } = roundsOf({ ...settings, ...change });
      return [rounds, each.durationMs, each.messages, each.warmupMs];
    };
    expect(of({})).toEqual([10, 1000, null, 200]);
    expect(of({ durationMs: 500, warmupMs: 50 })).toEqual([5, 100, null, 50]);
    expect(of({ durationMs: 30 })).toEqual([3, 10, null, 200]);
    expect(of({ durationMs: null, messages: 100_000 })).toEqual([10, null, 10_000, 200]);
    expect(of({ durationMs: null, messages: 100 })).toEqual([3, null, 34, 200]);
  });

  it("excludes the other ways to judge", async () => {
    const { code, stderr } = await stress("--compare", "select,poll", "--find-rate", "p99<5ms");
    expect([code, stderr]).toEqual([
      2,
      "iomux: '--compare' and '--find-rate' exclude each other\n",
    ]);
  });
});

describe("iomux stress --find-rate", () => {
  it("ends with 7 when no rate holds, and shows its probes", async () => {
    using folder = new TempDir();
    const args = ["-c", "1", "-d", "100ms", "--warmup", "0s", "-o", folder.file("x.json")];
    const { code, stdout, stderr } = await stress(
      ...["--find-rate", "p99<1us,errors==0", "-r", "10", ...args],
    );
    expect(stderr).toBe("");
    // At low rates probes take longer, so that two messages are due.
    const { find_rate: { probes } } = JSON.parse(readFileSync(folder.file("x.json"), "utf8"));
    const times: number[] = probes.map(({ seconds }: { seconds: number }) => seconds);
    const [least, most] = [Math.min(...times), Math.max(...times)].map((s) => s.toFixed(2));
    expect(stdout.replace(/\s+/g, " ")).toContain(
      `open loop, ${least === most ? least : `${least} to ${most}`} s for each probe condition`,
    );
    expect(stdout).toMatch(
      /^condition +p99<1us, errors==0 \(latencies from the scheduled send\)$/m,
    );
    expect(stdout).toMatch(/^1 +10 +[\d.]+ +.*no: /m);
    // On a machine that is busy with something else there is no answer at all.
    if (code === 8) return expect(stdout).toMatch(/^limited by +other programs used/m);
    expect(code).toBe(7);
    expect(stdout).toMatch(/^found +no rate that holds p99<1us, errors==0$/m);
    expect(stdout).toMatch(/^verdict +fail$/m);
  });

  it("has messages due in each probe, however low its rate and short its time", async () => {
    const args = ["-c", "5", "-d", "300ms", "-r", "1", "--json"];
    const { code, stdout } = await stress("--find-rate", "p99<1us", ...args);
    const { find_rate: search, generator } = JSON.parse(stdout);
    expect(search.probes.length).toBeGreaterThan(0);
    for (const probe of search.probes) {
      expect(probe.rate).toBe(1);
      expect(probe.p99_corrected_us).toBeGreaterThan(1);
    }
    expect(generator.scheduled).toBeGreaterThan(0);
    // On a machine that is busy with something else there is no answer at all.
    expect([code, search.limit]).toEqual(
      search.limit === "machine" ? [8, "machine"] : [7, "target"],
    );
  });

  it("prints the highest rate so far after Ctrl-C: 130", async () => {
    let messages = 0;
    const enough = Promise.withResolvers<void>();
    await using server = await answering((message) => {
      if (++messages === 20) enough.resolve();
      return message;
    });
    using folder = new TempDir();
    const [md, html] = [folder.file("x.md"), folder.file("x.html")];
    const args = ["-c", "2", "-d", "200ms", "--warmup", "0s", "-r", "50", "--json"];
    const files = ["-o", md, "-o", html];
    await using cli = spawnCli([
      "stress",
      server.name,
      "--find-rate",
      "p99<60s",
      ...args,
      ...files,
    ]);
    await enough.promise;
    cli.kill("SIGINT");
    expect((await cli.exit).code).toBe(130);
    const result = JSON.parse(cli.stdout());
    expect(result.find_rate.limit).toBe("interrupted");
    expect(result.interrupted).toBe(true);
    expect(readFileSync(md, "utf8").split("\n")[0]).toMatch(
      /^### iomux stress 127\.0\.0\.1:\d+ --find-rate p99\\<60s: \w+ \(interrupted\)$/,
    );
    expect(readFileSync(html, "utf8")).toContain("(interrupted)</p>");
    const [first] = result.find_rate.probes;
    expect(first).toMatchObject({ rate: 50 });
    if (first.by === "machine") return; // busy with something else
    expect(first.holds).toBe(true);
    expect(result.find_rate.rate).toBeGreaterThanOrEqual(50);
    expect(result.config.rate).toBe(result.find_rate.rate);
    expect(result.thresholds[0].value).toBe(result.latency_corrected_us.p99);
  });

  it("ends at once with wrong bytes, and where nobody listens", async () => {
    const wrong = await stress("--find-rate", "p99<5ms", "-d", "100ms", "--service", "upper");
    expect(wrong.code).toBe(6);
    expect(wrong.stdout).toMatch(/^limited by +\d+ replies were wrong$/m);
    const nobody = await stress("127.0.0.1:1", "--find-rate", "p99<5ms", "-d", "100ms");
    expect([nobody.code, nobody.stdout]).toEqual([3, ""]);
    expect(nobody.stderr).toBe(
      "iomux: Cannot connect to 127.0.0.1:1: ECONNREFUSED (connection refused)\n",
    );
  });

  it("is a usage error of what it can't search with", async () => {
    const refused = (findRate: string, change: Partial<RunSettings> = {}, given: string[] = []) =>
      runFindRate(jobOf(change, { findRate }, given), neverSpawn);
    await rejects(refused("p99=5ms"), /threshold "p99=5ms": there is no operator =/);
    await rejects(refused("rate>1", { expect: { kind: "none" } }), /awaits none/);
    await rejects(refused("p99<5ms", { stages: [{ durationMs: 1 }] }), /has no stages/);
  });
});

/** The files of a result with a baseline: the verdict where one looks first, and the comparison once. */
function checkSummary(md: string, html: string, verdict: string): void {
  const title = new RegExp(`^### iomux stress 127\\.0\\.0\\.1:\\d+ --baseline .*: ${verdict}$`);
  expect(md.split("\n")[0]).toMatch(title);
  expect(md.split("#### Against the baseline").length).toBe(2);
  expect(md).toMatch(/^\| {2}\| now \| baseline \|$/m);
  expect(html).toMatch(
    new RegExp(`<p class="verdict ${verdict}">[^]* ${verdict}</p>\\s*</header>`),
  );
  expect(html.split("<h2>Against the baseline</h2>").length).toBe(2);
}

describe("iomux stress --baseline", () => {
  it("ends with 7 after a regression", async () => {
    using folder = new TempDir();
    const file = folder.file("base.json");
    expect((await stress(...few, "-o", file)).code).toBe(0);
    const result = JSON.parse(readFileSync(file, "utf8"));
    result.rate.messages_per_s *= 1000;
    result.latency_us.p50 *= 1000;
    writeFileSync(file, JSON.stringify(result));
    const json = folder.file("now.json");
    const [md, html] = [folder.file("now.md"), folder.file("now.html")];
    const { code, stdout, stderr } = await stress(
      ...[...few, "--baseline", file, "-o", json, "-o", md, "-o", html],
    );
    expect([code, stderr]).toEqual([7, ""]);
    checkSummary(readFileSync(md, "utf8"), readFileSync(html, "utf8"), "fail");
    expect(stdout).toMatch(/^baseline +WORSE +messages\/s: [\d,]+ then, [\d,]+ now, ratio 0/m);
    expect(stdout).toMatch(/^baseline +better +p50: /m);
    expect(stdout).toMatch(/^verdict +fail$/m);
    const { baseline, verdict } = JSON.parse(readFileSync(json, "utf8"));
    expect([verdict, baseline.regressed, baseline.file]).toEqual(["fail", ["rate"], file]);
    expect(baseline.measures[0]).toMatchObject({ name: "rate", interval: null, change: "worse" });
  });

  it("refuses one of another load, one that is none, and one of an older version", () => {
    using folder = new TempDir();
    const file = folder.file("base.json");
    const read = (change: Partial<RunSettings> = {}) =>
      readBaseline(file, configOf({ ...settings, ...change }));
    expect(() => read()).toThrow(
      `Cannot read the baseline ${file}: ENOENT (no such file or directory)`,
    );
    const { pipeline: _, ...config } = sample.config;
    writeFileSync(file, JSON.stringify({ ...sample, config }));
    expect(read().result.latency_us).toEqual(sample.latency_us);
    expect(() => read({ connections: 3 }))
      .toThrow(`${file} is of another load: --connections was 50 and is 3`);
    expect(() => read({ expect: { kind: "frame", frame: { kind: "bytes", count: 5 } } }))
      .toThrow("another load: --expect was echo and is bytes:5");
    expect(() => read({ rate: 5 })).toThrow("another load: --rate was not set and is 5");
    const { timeline: _timeline, ...old } = sample;
    writeFileSync(file, JSON.stringify(old));
    expect(() => read()).toThrow(/base\.json: .*no timeline; write it with -o FILE\.json/);
    for (
      const text of ["not JSON", "", "[]", '{"compare": {}}', JSON.stringify(old).slice(0, 99)]
    ) {
      writeFileSync(file, text);
      expect(() => read()).toThrow(UsageError);
    }
  });
});
