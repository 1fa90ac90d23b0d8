// `iomux report` and `--start-at` on the command line: runs that start together and become one result.
import { beforeAll, describe, expect, it } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { StressResult } from "../../../lib/result/result.ts";
import { type RunningServer, spawnCli, startServe } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { itUnless, NO_SIGNALS } from "../../support/systems.ts";
import { until } from "../../support/waiting.ts";
import { sampleResult } from "../../support/sample_results.ts";

/** The monotonic clock, by which a run is timed, and the system's may run apart a little. */
const SLACK_MS = 50;

const dir = new TempDir();
process.on("exit", () => dir[Symbol.dispose]());

/** Runs `iomux ARGS` to its end. */
async function run(...args: string[]) {
  await using cli = spawnCli(args);
  const { code } = await cli.exit;
  return { code, stdout: cli.stdout(), stderr: cli.stderr() };
}

const write = (name: string, result: StressResult): string => {
  writeFileSync(dir.file(name), JSON.stringify(result));
  return dir.file(name);
};
const read = (name: string): StressResult => JSON.parse(readFileSync(dir.file(name), "utf8"));

describe("stress --start-at", () => {
  let began = "";
  beforeAll(async () => {
    await using serve = await startServe();
    const start = (aheadS: number) => {
      const at = Math.ceil(Date.now() / 1000) + aheadS; // seconds, as date +%s prints them
      began = new Date(at * 1000).toISOString();
      const one = (name: string, count: string) =>
        run(
          ...["stress", serve.name, "-c", count, "-n", "50", "-r", "200"],
          ...["--start-at", String(at), "-o", dir.file(name)],
        );
      return Promise.all([one("a.json", "2"), one("b.json", "3")]);
    };
    const runs = start(4).then((ends) =>
      // on a machine that takes longer to start a program
      ends.some(({ stderr }) => stderr.includes("is in the past")) ? start(12) : ends
    );
    const seen = await serve.statsWhen(({ active }) => active === 5);
    let late = false;
    for (const { code, stdout, stderr } of await runs) {
      expect(`${code} ${stderr}`).toMatch(
        /^0 (iomux: begins .* late: it was still connecting\n)?$/,
      );
      expect(stdout).toMatch(/^verdict +(pass|invalid)$/m); // invalid: a loaded machine
      late ||= stderr !== "";
    }
    // They connect first, unless the machine is too slow for that; and then they say so.
    expect(late || (seen.active === 5 && seen.bytes_in === 0)).toBe(true);
  });

  it("begins at that moment, and not before", () => {
    for (const name of ["a.json", "b.json"]) {
      const { started_at, messages } = read(name);
      expect(Date.parse(started_at) > Date.parse(began) - SLACK_MS).toBe(true);
      expect(messages.verified).toBe(50);
    }
  });

  it("makes runs that merge into one", async () => {
    const files = [dir.file("a.json"), dir.file("b.json")];
    const outputs = ["sum.json", "sum.csv", "sum.hgrm"].flatMap((name) => ["-o", dir.file(name)]);
    const { code, stdout } = await run("report", ...files, ...outputs);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^load +5 connections, .*open loop at 400 messages\/s/m);
    expect(stdout).toMatch(/^verified +100 of 100 messages/m);
    const sum = read("sum.json");
    expect(sum.latency_corrected_us!.count).toBe(100);
    expect(sum.partial).toBe(false);
    expect(readFileSync(dir.file("sum.csv"), "utf8")).toMatch(/^t,seconds,sent,/);
    expect(readFileSync(dir.file("sum.hgrm"), "utf8")).toContain("#[Mean");
    const again = await run("report", dir.file("sum.json"), "--threshold", "max<1us", "--json");
    expect(again.code).toBe(7);
    expect(JSON.parse(again.stdout)).toMatchObject({ messages: sum.messages, verdict: "fail" });
  });

  itUnless(NO_SIGNALS, "ends at Ctrl-C while it waits, with nothing sent", async () => {
    await using serve: RunningServer = await startServe();
    await using cli = spawnCli(["stress", serve.name, "-c", "2", "--start-at", "+1h", "--json"]);
    expect((await serve.statsWhen(({ active }) => active === 2)).active).toBe(2);
    cli.kill("SIGINT");
    await until(() => cli.ended);
    expect((await cli.exit).code).toBe(130);
    const result: StressResult = JSON.parse(cli.stdout());
    expect(result.messages.sent).toBe(0);
    expect(result.connections.established).toBe(2);
  });

  it("refuses a moment that is over, and one for many runs: exit 2", async () => {
    for (
      const [args, why] of [
        [["--start-at", "2020-01-01T00:00:00Z"], /is in the past: it was [\d.]+ s ago\n$/],
        [["--start-at", "soon"], /"soon" is not a time: /],
        [["--start-at", "+1s", "--compare", "poll,epoll"], /--start-at.*of one run/],
      ] as const
    ) {
      const { code, stdout, stderr } = await run("stress", ...args);
      expect(`${code} ${stdout}`).toBe("2 ");
      expect(stderr).toMatch(why);
      expect(stderr.split("\n").length).toBe(2);
    }
  });
});

describe("iomux report", () => {
  const one = write("one.json", sampleResult({ seconds: 1 }));

  it("names what is missing, and says that the sum is partial: exit 1", async () => {
    writeFileSync(dir.file("cut.json"), readFileSync(one, "utf8").slice(0, 900));
    const missing = dir.file("missing.json");
    const { code, stdout, stderr } = await run(
      "report",
      one,
      dir.file("cut.json"),
      missing,
      "--json",
    );
    expect(code).toBe(1);
    expect(stderr).toBe(
      `iomux: Cannot use the result ${dir.file("cut.json")}: it is cut off, or no JSON; ` +
        "the sum is without it\n" +
        `iomux: Cannot read the result ${missing}: ENOENT (no such file or directory); ` +
        "the sum is without it\n",
    );
    const { partial, verdict } = JSON.parse(stdout);
    expect(partial).toBe(true);
    expect(verdict).toMatch(/^(pass|invalid)$/);
  });

  it("fails when nothing can be read: exit 1, without a report", async () => {
    const { code, stdout, stderr } = await run("report", dir.file("none.json"));
    expect(`${code} ${stdout}`).toBe("1 ");
    expect(stderr).toMatch(
      /^iomux: Cannot read the result \S+none\.json: ENOENT \(no such .*\)\n$/,
    );
    const several = await run("report", dir.file("none.json"), dir.file("no.json"));
    expect(`${several.code} ${several.stdout}`).toBe("1 ");
    expect(several.stderr).toMatch(/\niomux: Cannot report: none of the files has a result\n$/);
  });

  it("refuses an open and a closed loop, and thresholds that they don't have: exit 2", async () => {
    const open = write("open.json", sampleResult({ seconds: 1, open: true }));
    const mixed = await run("report", one, open);
    expect(mixed).toEqual({
      code: 2,
      stdout: "",
      stderr: "iomux: Cannot add up results whose loops are closed and open (--rate)\n",
    });
    const corrected = await run("report", one, "--threshold", "p99_corrected<1s");
    expect(corrected.code).toBe(2);
    expect(corrected.stderr).toMatch(/needs a schedule/);
  });

  it("says when the runs were not made together", async () => {
    const later = sampleResult({ seconds: 1 });
    const started_at = new Date(Date.parse(later.started_at) + 60_000).toISOString();
    const { code, stderr } = await run(
      "report",
      one,
      write("later.json", { ...later, started_at }),
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^iomux: the 2 runs went on together for 0\.0 s of 2\.0 s, .*--start-at\n$/,
    );
  });

  it("refuses a file that is given twice, and a sum beside one of its parts: exit 2", async () => {
    const two = write("two.json", sampleResult({ seconds: 1, seed: 2 }));
    const same = `${dir.path}/./one.json`;
    const twice = await run("report", one, two, same);
    expect(`${twice.code} ${twice.stdout}`).toBe("2 ");
    expect(twice.stderr).toMatch(
      /^iomux: Cannot add up \S+\/one\.json and \S+\/\.\/one\.json: both have the run of .*twice\n$/,
    );
    const sum = dir.file("sum-of-two.json");
    expect((await run("report", one, two, "-o", sum)).code).toBe(0);
    const again = await run("report", two, sum);
    expect([again.code, again.stdout]).toEqual([2, ""]);
    expect(again.stderr).toMatch(
      /Cannot add up \S+\/two\.json and \S+\/sum-of-two\.json: both have/,
    );
    expect(JSON.parse((await run("report", sum, "--json")).stdout).messages.sent)
      .toBe(read("one.json").messages.sent + read("two.json").messages.sent);
  });

  it("shows one result as stress did, and in other formats", async () => {
    // In the order in which they were given.
    const thresholds = ["--threshold", "rate>1", "--threshold", "errors==0"];
    const args = ["-c", "2", "-n", "200", ...thresholds, "-o", dir.file("run.json")];
    const made = await run("stress", ...args);
    const outputs = ["html", "csv", "hgrm", "xml", "md"].map((ending) => `run.${ending}`);
    const shown = await run(
      "report",
      dir.file("run.json"),
      ...outputs.flatMap((name) => ["-o", dir.file(name)]),
    );
    expect(shown).toEqual({ ...made, stderr: "" });
    const text = (name: string) => readFileSync(dir.file(name), "utf8");
    expect(text("run.html")).toContain(
      "iomux stress -c 2 -n 200 --threshold &#39;rate&gt;1&#39; --threshold errors==0 -o ",
    );
    expect(text("run.csv")).toMatch(/^t,seconds,sent,/);
    expect(text("run.hgrm")).toContain("#[Mean");
    expect(text("run.xml")).toMatch(/<testcase .*name="errors==0" time="0"\/>/);
    expect(text("run.md")).toMatch(/^### iomux stress 127\.0\.0\.1:\d+: pass|invalid$/m);
  });

  it("judges: thresholds of the parts by the sum, others beside them, and a baseline", async () => {
    const slow = sampleResult({ seconds: 1, seed: 3 });
    const failed = [{ expression: "p50<100us", value: 150, ok: false }];
    const part = write("slow.json", { ...slow, thresholds: failed, verdict: "fail" });
    const { code, stdout } = await run("report", one, part, "--threshold", "errors==0", "--json");
    const sum: StressResult = JSON.parse(stdout);
    expect(sum.thresholds.map(({ expression, ok }) => [expression, ok])).toEqual([
      ["p50<100us", sum.latency_us.p50 < 100],
      ["errors==0", true],
    ]);
    expect(code).toBe(sum.latency_us.p50 < 100 ? 0 : 7);
    const before = sampleResult({ seconds: 8 });
    const base = write("base.json", before);
    const timeline = before.timeline.map((row) => ({ ...row, received: row.received / 2 }));
    const rate = { ...before.rate, messages_per_s: before.rate.messages_per_s / 2 };
    const worse = write("worse.json", { ...before, timeline, rate });
    const outputs = ["base.html", "base.md"].flatMap((name) => ["-o", dir.file(name)]);
    const judged = await run("report", worse, "--baseline", base, ...outputs);
    expect(judged.code).toBe(7);
    const summary = readFileSync(dir.file("base.md"), "utf8");
    expect(summary.split("\n")[0]).toMatch(/: fail$/);
    expect(summary.split("#### Against the baseline").length).toBe(2);
    expect(readFileSync(dir.file("base.html"), "utf8")).toContain('<p class="verdict fail">');
    expect(judged.stdout).toMatch(/^baseline +WORSE +messages\/s: /m);
    expect(readFileSync(dir.file("base.html"), "utf8")).toContain("Against the baseline");
    expect((await run("report", worse, "--threshold", "rate>1m")).code).toBe(7);
  });

  it("does not contradict a run that --abort-on has ended by its last second", async () => {
    const ended = [
      { expression: "errors==0", value: 0, ok: true },
      { expression: "rate>=1k", value: 500, ok: false }, // the whole run has more
    ];
    const early = { interrupted: true, aborted: true, thresholds: ended, verdict: "fail" as const };
    const part = write("ended.json", { ...sampleResult({ seconds: 1, seed: 7 }), ...early });
    const sum = dir.file("ended-sum.json");
    for (const files of [[part], [one, part], [sum]]) {
      const [json, xml] = [files.length > 1 ? sum : dir.file("e.json"), dir.file("e.xml")];
      const { code, stdout } = await run("report", ...files, "-o", json, "-o", xml);
      expect(stdout).toMatch(
        /^threshold +FAILED +rate>=1k: 500 when it was ended; [\d,.]+ in all$/m,
      );
      expect(stdout).toMatch(/^verdict +fail \(ended by --abort-on\)$/m);
      expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({
        ...{ thresholds: ended, verdict: "fail", aborted: true },
      });
      expect(readFileSync(xml, "utf8")).toContain('failures="1"');
      expect(code).toBe(7);
    }
  });

  it("has the parts beside the sum on its page and in its summary", async () => {
    const two = write("beside.json", sampleResult({ seconds: 1, seed: 5 }));
    const outputs = ["html", "md"].flatMap((ending) => ["-o", dir.file(`beside.${ending}`)]);
    expect((await run("report", one, two, ...outputs)).code).toBe(0);
    expect(readFileSync(dir.file("beside.md"), "utf8"))
      .toMatch(/^\| {2}\| sum \| \S*one\.json \| \S*beside\.json \|$/m);
    const page = readFileSync(dir.file("beside.html"), "utf8");
    expect(page).toMatch(/<p class="verdict \w+">/);
    expect(page).toMatch(/<th scope="row">parts<\/th><td>2 runs<\/td>/);
    expect(page).toMatch(
      /<th scope="col">sum<\/th><th scope="col">[^<]*one\.json<\/th><th scope="col">[^<]*beside\.json</,
    );
  });

  it("has the exit code of the run that it is: 6 after a mismatch", async () => {
    const sample = sampleResult({ seconds: 1 });
    const messages = { ...sample.messages, mismatched: 1 };
    const bad = write("bad.json", { ...sample, messages, verdict: "fail" });
    const { code, stdout } = await run("report", one, bad);
    expect(code).toBe(6);
    expect(stdout).toMatch(/^verdict +fail$/m);
  });
});
