// The workflow of examples/github-actions: its commands do what it is shown for, in the order of its steps.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { getAvailablePort } from "../lib/net/mod.ts";
import { cliCommand, root } from "./support/cli.ts";
import { TempDir } from "./support/files.ts";
import { itUnless } from "./support/systems.ts";

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly with?: Record<string, string>;
}

const text = readFileSync(join(root, "examples/github-actions/load.yml"), "utf8");
const workflow = parse(text) as {
  on: { pull_request: null; push: { branches: string[] } };
  jobs: { load: { steps: Step[]; env: Record<string, string>; "timeout-minutes": number } };
};
const { steps, env } = workflow.jobs.load;
const NO_BASH = existsSync("/bin/bash") ? undefined : "no /bin/bash";

/** The `run` of a step, with a load that is over in a second, and that a busy machine can take. */
function scriptOf(name: string): string {
  const { run } = steps.find((step) => step.name === name)!;
  return run!.replace("-d 10s --warmup 2s", "-d 1s").replace("--rate 2k", "--rate 200")
    .replace("p99_corrected<50ms", "p99_corrected<30s");
}

/** Runs steps in a folder as a runner does, one shell each; returns the first code that is not 0. */
function perform(folder: TempDir, names: readonly string[], change = (script: string) => script) {
  const [command, args] = cliCommand([]);
  const quoted = [command, ...args].map((word) => `'${word}'`).join(" ");
  writeFileSync(folder.file("iomux"), `#!/bin/sh\nexec ${quoted} "$@"\n`);
  chmodSync(folder.file("iomux"), 0o755);
  const target = `127.0.0.1:${getAvailablePort()}`;
  // The server is the step's child, and ends with the last one.
  const script = names.map((name) => `( set -eo pipefail; ${change(scriptOf(name))} ) || exit $?`);
  return spawnSync("bash", [
    "-c",
    `trap 'kill $(jobs -p) 2>/dev/null' EXIT\n${serve}\n${script.join("\n")}`,
  ], {
    cwd: folder.path,
    encoding: "utf8",
    timeout: 100_000,
    env: {
      ...{ ...process.env, ...env, TARGET: target, PATH: `${folder.path}:${process.env.PATH}` },
      GITHUB_STEP_SUMMARY: folder.file("step-summary.md"),
    },
  });
}
const serve = scriptOf("Start the server");

describe("the sample workflow", () => {
  it("runs on the main branch and on pull requests, and what it needs has versions", () => {
    expect(workflow.on.push.branches).toEqual(["main"]);
    expect("pull_request" in workflow.on).toBe(true);
    for (const { uses } of steps) if (uses) expect(uses).toMatch(/^actions\/[\w/-]+@v\d+$/);
    const keys = steps.flatMap((step) => step.with?.key ?? []);
    expect(new Set(keys).size).toBe(1); // what is saved is what is restored
  });

  itUnless(
    NO_BASH,
    "keeps a baseline on the main branch, and holds a pull request against it",
    () => {
      using folder = new TempDir();
      const main = perform(folder, ["Load", "Show the summary", "Make this the baseline"]);
      expect(main.status).toBe(0);
      expect(readFileSync(folder.file("step-summary.md"), "utf8")).toContain("### iomux stress");
      const xml = readFileSync(folder.file("thresholds.xml"), "utf8");
      // One for each threshold; a busy machine makes the verdict one of its own.
      expect(xml.match(/<testcase [^>]* name="(?!verdict)/g)!.length).toBe(2);

      // A baseline that was ten times as fast, in each of its seconds.
      const base = JSON.parse(readFileSync(folder.file("baseline.json"), "utf8"));
      for (const key of ["p50", "p99"]) base.latency_corrected_us[key] /= 100;
      writeFileSync(folder.file("baseline.json"), JSON.stringify(base));
      const worse = perform(folder, ["Load", "Compare with the main branch"]);
      expect(worse.status).toBe(7);
      expect(worse.stdout).toMatch(/^baseline +WORSE +p50 corrected: /m);
      expect(readFileSync(folder.file("regression.xml"), "utf8")).toMatch(
        /<failure message="p50 corrected: /,
      );
    },
  );

  itUnless(NO_BASH, "fails on a threshold", () => {
    using folder = new TempDir();
    const failed = perform(
      folder,
      ["Load", "Make this the baseline"],
      (script) => script.replace("p99_corrected<30s", "p99_corrected<1us"),
    );
    expect(failed.status).toBe(7);
    expect(existsSync(folder.file("baseline.json"))).toBe(false);
    expect(readFileSync(folder.file("thresholds.xml"), "utf8")).toContain('failures="1"');
  });
});
