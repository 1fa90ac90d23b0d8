// Scenario files: what they can say, and over what the command line wins.
import { describe, expect, it } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseScenario, type Scenario } from "../../../lib/cli/scenario/file.ts";
import { applyScenario, readScenario } from "../../../lib/cli/scenario/apply.ts";
import { lengthOf, mostConnections } from "../../../lib/cli/scenario/stages.ts";
import { initialValues } from "../../../lib/cli/options/option.ts";
import { STRESS } from "../../../lib/cli/stress/command.ts";
import { readSettings, type RunOptions } from "../../../lib/cli/stress/settings.ts";
import { parseThreshold } from "../../../lib/report/judge/threshold.ts";
import { root, spawnCli } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { target } from "../../support/misbehaving.ts";
import { refusals } from "../../support/usages.ts";

const DEFAULTS: RunOptions = {
  ...initialValues(STRESS.options),
  ...{ target: undefined, tls: undefined },
};

/** The settings of a run by a scenario and by options of the command line. */
function settled(text: string, typed: Partial<RunOptions> = {}) {
  const given = new Set(Object.keys(typed));
  const applied = applyScenario(parseScenario(text, "s.yaml"), { ...DEFAULTS, ...typed }, given);
  return { ...readSettings(applied.options, applied.given), stages: applied.stages };
}

describe("a scenario", () => {
  it("says what the options say, with their units, in YAML", () => {
    const { options, stages, thresholds } = parseScenario(
      `
# as fast as it can
target: 127.0.0.1:9999
connections: 1k
duration: 2m
messages: 10k
size: 1KiB
expect: upper
pipeline: 4
connect-rate: 500/s
ramp: 5s
messages-per-connection: 100
reconnect: true
warmup: 500ms
timeout: 250ms
source: 127.0.0.0/30
seed: 7
workers: 2
client-selector: poll
thresholds: [p99<5ms, errors==0]
`,
      "s.yaml",
    );
    expect(options).toEqual({
      ...{ target: "127.0.0.1:9999", connections: 1000, duration: 120_000, messages: 10_000 },
      ...{
        size: { from: 1024, to: 1024 },
        expect: "upper",
        pipeline: 4,
        connectRate: 500,
        ramp: 5000,
      },
      ...{ messagesPerConnection: 100, reconnect: true, warmup: 500, timeout: 250 },
      ...{ source: "127.0.0.0/30", seed: 7, workers: 2, clientSelector: "poll" },
    });
    expect(stages).toEqual([]);
    expect(thresholds).toEqual(["p99<5ms", "errors==0"]);
  });

  it("may be JSON, where numbers need no quotes", () => {
    const { options } = parseScenario(
      '{\n\t"connections": 5,\n\t"duration": "1.5s",\n\t"size": "64B",\n\t"rate": 2000\n}',
      "s.json",
    );
    expect(options).toEqual({
      connections: 5,
      duration: 1500,
      size: { from: 64, to: 64 },
      rate: 2000,
    });
  });

  it("has values as they stand in the source, whatever YAML takes them for", () => {
    const value = (text: string) => parseScenario(`message: ${text}`, "s.yaml").options.message;
    for (
      const text of ["1.10", "007", "0x41", "1e3", "true", "null", "~", ".5", "+1", "2026-01-01"]
    ) {
      expect(value(text)).toBe(text);
    }
    expect(value("'1.10'")).toBe("1.10");
    expect(value('"a\\\\r"')).toBe("a\\r");
    expect(value("|\n  two\n  lines\n")).toBe("two\nlines\n");
    expect(() => parseScenario("size: 0x10", "s.yaml")).toThrow(/"0x10" is not a size/);
    expect(parseScenario("unix: 007", "s.yaml").options.unix).toBe("007");
  });

  it("may use anchors and flow style", () => {
    const { stages } = parseScenario(
      "stages: [&step {duration: 1s, rate: 5}, *step, {duration: 2s}]",
      "s.yaml",
    );
    expect(stages.map(({ durationMs }) => durationMs)).toEqual([1000, 1000, 2000]);
  });
});

describe("the stages of a scenario", () => {
  const stages = (text: string) => parseScenario(text, "s.yaml").stages;

  it("go on with what the one before had, and ramp to it in a line", () => {
    expect(stages(`
rate: 100
stages:
  - { duration: 1s, rate: 200, ramp: true }
  - { duration: 2s }
  - { duration: 3s, rate: 50 }
  - { duration: 1s, rate: 0, ramp: true }
`)).toEqual([
      { durationMs: 1000, rate: { from: 100, to: 200 } },
      { durationMs: 2000, rate: { from: 200, to: 200 } },
      { durationMs: 3000, rate: { from: 50, to: 50 } },
      { durationMs: 1000, rate: { from: 50, to: 0 } },
    ]);
  });

  it("begin a ramp at nothing when nothing was said before", () => {
    expect(stages("stages: [{duration: 1s, rate: 9, ramp: true}]")[0]!.rate)
      .toEqual({ from: 0, to: 9 });
  });

  it("have rates and connections on their own", () => {
    const all = stages(`
connections: 2
rate: 10
stages:
  - { duration: 1s, connections: 8 }
  - { duration: 1s, rate: 20, connections: 4, ramp: true }
`);
    expect(all).toEqual([
      { durationMs: 1000, rate: { from: 10, to: 10 }, connections: { from: 8, to: 8 } },
      { durationMs: 1000, rate: { from: 10, to: 20 }, connections: { from: 8, to: 4 } },
    ]);
    expect(lengthOf(all)).toBe(2000);
    expect(mostConnections(all)).toBe(8);
  });
});

describe("the command line", () => {
  const text = `
connections: 3
duration: 4s
size: 1KiB
rate: 100
thresholds: [p99<1s]
`;
  it("wins over the scenario, option by option", () => {
    expect(settled(text)).toMatchObject({
      connections: 3,
      durationMs: 4000,
      size: 1024,
      rate: 100,
    });
    expect(settled(text, { size: { from: 5, to: 5 }, rate: 7 }))
      .toMatchObject({ connections: 3, durationMs: 4000, size: 5, rate: 7 });
  });

  it("does not contradict it: a message takes the place of a size", () => {
    const { size, message } = settled(text, { message: "hello" });
    expect([size, message]).toEqual([64, "hello"]);
  });

  it("replaces the rates or the connections of all stages", () => {
    const staged = "stages: [{duration: 1s, rate: 5, connections: 7}, {duration: 1s, rate: 9}]";
    const plain = settled(staged);
    expect(plain).toMatchObject({ durationMs: 2000, connections: 7, rate: null });
    expect(plain.stages.length).toBe(2);
    const rated = settled(staged, { rate: 100 });
    expect(rated).toMatchObject({ durationMs: 2000, connections: 7, rate: 100 });
    expect(rated.stages.every(({ rate }) => rate === undefined)).toBe(true);
    const both = settled(staged, { rate: 100, connections: 3, duration: 500 });
    expect(both).toMatchObject({ durationMs: 500, connections: 3, rate: 100, stages: [] });
  });

  it("has its own thresholds instead of the scenario's, and its own target", () => {
    const scenario = parseScenario(`target: 10.0.0.1:1\n${text}`, "s.yaml");
    const own = applyScenario(
      scenario,
      { ...DEFAULTS, unix: "/s" },
      new Set(["unix", "threshold"]),
    );
    expect(own.thresholds).toBe(undefined);
    expect(own.options.target).toBe(undefined);
    const other = applyScenario(scenario, DEFAULTS, new Set());
    expect(other.thresholds).toEqual(["p99<1s"]);
    expect(other.options.target).toBe("10.0.0.1:1");
  });
});

describe("the file of a scenario", () => {
  it("that can't be read is a usage error", () => {
    expect(() => readScenario("/nonexistent/s.yaml"))
      .toThrow("Cannot read the scenario /nonexistent/s.yaml: ENOENT");
  });

  for (const [key, name] of [["message-file", "messageFile"], ["messages-from", "messagesFrom"]]) {
    it(`has the file of its ${key} beside it`, () => {
      using folder = new TempDir();
      writeFileSync(folder.file("s.yaml"), `${key}: hello.txt\n`);
      expect(readScenario(folder.file("s.yaml")).options[name!]).toBe(folder.file("hello.txt"));
      writeFileSync(folder.file("s.yaml"), `${key}: /hello.txt\n`);
      expect(readScenario(folder.file("s.yaml")).options[name!]).toBe("/hello.txt");
    });
  }

  it("has several messages, in any order, and thinks between them", async () => {
    using folder = new TempDir();
    writeFileSync(folder.file("m"), "a{seq}\\n\techo\nb{conn}\\n\tline\n");
    const text = "messages-from: m\nescapes: true\nshuffle: true\nthink: 20ms\n";
    writeFileSync(folder.file("s.yaml"), `${text}messages: 20\nconnections: 2\n`);
    await using cli = spawnCli(["stress", "--scenario", folder.file("s.yaml"), "--json"]);
    expect([(await cli.exit).code, cli.stderr()]).toEqual([0, ""]);
    const { messages, duration_s: seconds } = JSON.parse(cli.stdout());
    expect(messages).toMatchObject({ sent: 20, verified: 20 });
    expect(seconds).toBeGreaterThanOrEqual(0.17); // nine times on each connection
  });

  it("with mistakes ends the command before anything starts: one line, and exit code 2", async () => {
    using folder = new TempDir();
    const file = folder.file("s.yaml");
    writeFileSync(file, "sizes: 3\nrate: x\n");
    await using cli = spawnCli(["stress", "--scenario", file]);
    expect((await cli.exit).code).toBe(2);
    expect(cli.stdout()).toBe("");
    expect(cli.stderr()).toBe(
      `iomux: ${file}:1:1: sizes: there is no such key (did you mean size?)\n`,
    );
  });

  it("with options that its stages leave no effect is refused", async () => {
    using folder = new TempDir();
    const cases: [option: string, stage: string, says: RegExp][] = [
      ["--tick=1ms", "connections: 3", /'--tick' is for a schedule/],
      ["--think=1ms", "rate: 50", /'--think' waits after a reply/],
      ["--ramp=100ms", "connections: 3", /'--ramp' has nothing to do/],
    ];
    const said = await refusals(cases.map(([option, stage], i) => {
      const file = folder.file(`${i}.yaml`);
      writeFileSync(file, `stages:\n  - { duration: 200ms, ${stage} }\n`);
      return { args: ["stress", "--scenario", file, option] };
    }));
    cases.forEach(([, , says], i) => expect(said[i]).toMatch(says));
  });

  it("runs: stages, warm-up and thresholds are those of the file", async () => {
    using folder = new TempDir();
    const file = folder.file("s.yaml");
    writeFileSync(
      file,
      `
connections: 3
stages:
  - { duration: 200ms, rate: 500 }
  - { duration: 200ms, rate: 1k, ramp: true }
thresholds: [errors==0, "p99_corrected<1us"]
`,
    );
    await using cli = spawnCli(["stress", "--scenario", file, "--json"]);
    expect([(await cli.exit).code, cli.stderr()]).toEqual([7, ""]); // no reply takes less than 1 us
    const result = JSON.parse(cli.stdout());
    expect(result.verdict).toBe("fail");
    expect(result.thresholds.map(({ ok }: { ok: boolean }) => ok)).toEqual([true, false]);
    expect(result.thresholds[1].value).toBe(result.latency_corrected_us.p99);
    // 0.2 s at 500/s, and 0.2 s at 750/s on average.
    const late = (result.duration_s - 0.4) * 1000; // until the end was seen, at 1000/s
    expect(result.generator.scheduled).toBeGreaterThanOrEqual(248);
    expect(result.generator.scheduled).toBeLessThanOrEqual(252 + Math.max(0, late));
    const { scheduled, unsent } = result.generator; // on a busy machine the end comes before the last
    expect(result.messages.verified).toBe(scheduled - unsent);
    expect(result.connections.established).toBe(3);
  });
});

describe("examples/scenarios/", () => {
  const folder = join(root, "examples", "scenarios");
  const names = readdirSync(folder);

  it("has one in YAML and one in JSON", () => {
    expect(names.some((name) => name.endsWith(".yaml"))).toBe(true);
    expect(names.some((name) => name.endsWith(".json"))).toBe(true);
  });

  for (const name of names) {
    it(`${name} is understood, thresholds included`, () => {
      const scenario: Scenario = parseScenario(readFileSync(join(folder, name), "utf8"), name);
      expect(scenario.stages.length).toBeGreaterThan(1);
      expect(scenario.thresholds!.map(parseThreshold).length).toBeGreaterThan(2);
    });

    it(`${name} runs, here for a part of its time`, async () => {
      const file = join(folder, name);
      await using redis = await target(({ socket }) => {
        socket.on("data", (chunk) => {
          for (const _ of chunk.toString().matchAll(/PING\r\n/g)) socket.write("+PONG\r\n");
        });
      });
      const elsewhere = name.startsWith("redis") ? [redis.name] : [];
      const args = [...elsewhere, "--scenario", file, "-d", "300ms", "--json"];
      await using cli = spawnCli(["stress", ...args]);
      // Whether it is fast enough is not asked here.
      expect([0, 7]).toContain((await cli.exit).code);
      expect(cli.stderr()).toBe("");
      const result = JSON.parse(cli.stdout());
      expect(result.messages.verified).toBeGreaterThan(0);
      expect(result.messages.mismatched).toBe(0);
      expect(result.config.stages.length).toBeGreaterThan(1);
      expect(result.thresholds.length).toBeGreaterThan(2);
    });
  }
});
