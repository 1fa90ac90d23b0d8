// `npm test` itself: what it counts, what it shows of failures, and that nothing outlives it.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Outcome, runJobs } from "../scripts/testing/job.ts";
import { NAMED } from "../scripts/testing/plan.ts";
import { root } from "./support/cli.ts";
import { TempDir } from "./support/files.ts";

/** Test files of a scratch folder; what each of them is about is its name. */
const FILES: Record<string, string> = {
  good: 'it("holds", () => {}); it("holds too", () => {}); it.skip("waits", () => {});\n' +
    'console.log("not run: the moon: no rocket");',
  wrong: 'describe("outer", () => describe("inner", () => {\n' +
    'it("adds", () => expect(1 + 1).toBe(3)); it("holds", () => {}); }));',
  crashing: 'it("never runs", () => {});\nconsole.log("last words"); process.exit(7);',
  empty: "export {};",
  elsewhere: 'console.log("not run: elsewhere_test.ts: it is about another system");',
  leaving: 'import { spawn } from "node:child_process";\n' +
    'it("holds", () => { spawn("sleep", ["100"], { stdio: "inherit" }).unref(); });',
};

/** Runs `npm test ARGS` over these files, in tests/ or in a folder below it. */
function run(files: string[], args: string[], below = "") {
  using folder = new TempDir();
  mkdirSync(folder.file(`tests/${below}`), { recursive: true });
  for (const name of files) {
    const text = `import { describe, expect, it } from "bun:test";\n${FILES[name]}\n`;
    writeFileSync(folder.file(`tests/${below}${name}_test.ts`), text);
  }
  const { status, stdout, stderr } = spawnSync("node", [join(root, "scripts/test.ts"), ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...(files.length > 0 ? { IOMUX_TEST_ROOT: folder.path } : {}) },
    timeout: 50_000,
  });
  return { status, stdout, stderr };
}

/** The cells of a line of the table. */
const row = (stdout: string, name: string) =>
  new RegExp(`^${name} +(\\d+) +(\\d+) +(\\d+) +[\\d.]+$`, "m").exec(stdout)?.slice(1).map(Number);

describe("npm test", () => {
  it("ends with one table of what passed, failed and was skipped, and exit status 0", () => {
    const { status, stdout } = run(["good"], ["good"]);
    expect({ status, bun: row(stdout, "bun"), all: row(stdout, "all") })
      .toEqual({ status: 0, bun: [2, 0, 1], all: [2, 0, 1] });
    expect(stdout).toContain("not run: the moon: no rocket\n");
  });

  it("shows a failure when it happens and once more under the table, with its file and why", () => {
    const { status, stdout } = run(["wrong", "good"], ["tests/"]);
    expect({ status, all: row(stdout, "all") }).toEqual({ status: 1, all: [3, 1, 1] });
    const failure = /tests\/wrong_test\.ts: outer > inner > adds\n[\s\S]*?Expected: 3/g;
    expect(stdout.match(failure)?.length).toBe(2);
    expect(stdout.indexOf("Expected: 3")).toBeLessThan(stdout.indexOf("seconds"));
    expect(stdout.slice(stdout.indexOf("\nall ")).match(failure)?.length).toBe(1);
  });

  it("counts a file that crashes, or has no tests, as failed, with its last words", () => {
    const { status, stdout } = run(["crashing", "empty"], ["crashing", "empty"]);
    expect({ status, all: row(stdout, "all") }).toEqual({ status: 1, all: [0, 2, 0] });
    expect(stdout).toContain("last words");
  });

  it("counts a file that says why it has no tests here as skipped", () => {
    const { status, stdout } = run(["elsewhere"], ["elsewhere"]);
    expect({ status, all: row(stdout, "all") }).toEqual({ status: 0, all: [0, 0, 1] });
  });

  it("says of several files in one process which of them has failed", () => {
    for (const runtime of ["deno", "node"]) {
      const { status, stdout } = run(["good", "wrong"], ["--on", runtime], "net/");
      expect({ status, all: row(stdout, "all") }).toEqual({ status: 1, all: [3, 1, 1] });
      const failure = new RegExp(
        `^${runtime} +tests/net/wrong_test\\.ts: outer(?: > |\\.)inner > adds\n[^]*?Expected: .*3`,
        "gm",
      );
      expect(stdout.match(failure)?.length).toBe(3); // at once, repeated alone, under the table
      expect(stdout).toMatch(/^\[1\/1\] \w+ +tests\/net\/ \(2 files\) +3 passed, 1 FAILED/m);
    }
  });

  it("has plans for files that there are", () => {
    expect(NAMED.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it("ends what a test has left running instead of waiting for it", () => {
    const { status, stdout } = run(["leaving"], ["leaving"]);
    expect({ status, all: row(stdout, "all") }).toEqual({ status: 0, all: [1, 0, 0] });
  });

  it("refuses a pattern that no file matches", () => {
    const { status, stderr } = run(["good"], ["good", "absent"]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'test: no test file\'s path contains "absent"\n',
    });
  });

  it("counts the same tests on the three runtimes", () => {
    const { status, stdout } = run([], ["--on", "bun,deno,node", "tests/net/cidr_test.ts"]);
    const [bun, deno, node] = ["bun", "deno", "node"].map((name) => row(stdout, name));
    expect({ status, deno, node }).toEqual({ status: 0, deno: bun, node: bun });
    expect(bun![0]).toBeGreaterThan(10);
  });
});

/** How many of these jobs ran at a time, with processors that stand idle for this share of time. */
async function mostAtATime(idle: number, scripts: string[]): Promise<number> {
  const jobs = scripts.map((script, i) => ({
    ...{ runtime: "check", file: `job ${i}`, command: ["sh", "-c", script] },
  }));
  let [now, most, passed] = [0, 0, 0];
  const display = {
    start: () => void (most = Math.max(most, ++now)),
    end: (outcome: Outcome) => void (now--, passed += outcome.passed),
  };
  const options = { root, inFlight: 2, most: 5, display, idle: () => idle };
  expect(await runJobs(jobs, options)).toEqual([]);
  expect(passed).toBe(jobs.length);
  return most;
}

describe("runJobs()", () => {
  it("starts more jobs while the processors stand idle, up to a bound", async () => {
    using folder = new TempDir(); // a job ends when five have started
    const script = `touch "${folder.path}/$$"; ` +
      `until [ "$(ls "${folder.path}" | wc -l)" -ge 5 ]; do sleep 0.05; done`;
    expect(await mostAtATime(1, Array(8).fill(script))).toBe(5);
  });
  it("starts no more than usual while the processors are busy", async () => {
    expect(await mostAtATime(0, Array(4).fill("sleep 1"))).toBe(2);
  });
});
