// What to run before a commit, in less than a minute: format, lint, types, layers, and on Bun the tests
// nearest to what differs from the branch `main`, or from the last commit where that is the same.
import { execFileSync, type StdioOptions } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { endAllOnSignals, runJobs } from "./testing/job.ts";
import { type Job, testFiles } from "./testing/plan.ts";
import { conclude, progress } from "./testing/report.ts";

/** No test file starts later, so that the whole ends within a minute. */
const LAST_START_MS = 40_000;

const root = fileURLToPath(new URL("..", import.meta.url));

function git(...args: string[]): string[] {
  try {
    const stdio: StdioOptions = ["ignore", "pipe", "ignore"];
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio }).split("\n").filter(
      Boolean,
    );
  } catch {
    return [];
  }
}

/** The files that differ, those that git doesn't know yet included. */
function changedFiles(): Set<string> {
  const [head] = git("rev-parse", "HEAD");
  const [base] = git("merge-base", "main", "HEAD");
  const changed = git("diff", "--name-only", base ?? head ?? "HEAD");
  return new Set([...changed, ...git("ls-files", "--others", "--exclude-standard")]);
}

/** The files of the checkout that a test imports, itself or through others below tests/. */
function importedBy(test: string): Set<string> {
  const found = new Set([test]);
  for (const file of found) { // grows while it is walked
    if (!file.startsWith("tests/")) continue;
    let text = "";
    try {
      text = readFileSync(join(root, file), "utf8");
    } catch {
      continue; // it is gone, which the type check reports
    }
    for (const [, target] of text.matchAll(/(?:from |import\(?)"(\.[^"]+)"/g)) {
      found.add(new URL(target!, `file:///${file}`).pathname.slice(1));
    }
  }
  return found;
}

/** The tests nearest to the changes first: those changed, those that import a change, its folder's. */
function nearestTests(changed: Set<string>): Job[] {
  const folders = new Set(
    [...changed].filter((file) => file.startsWith("lib/"))
      .map((file) => `tests/${dirname(file).replace(/^lib\/?/, "")}`),
  );
  const rank = (test: string) => {
    if (changed.has(test)) return 0;
    if ([...importedBy(test)].some((file) => changed.has(file))) return 1;
    return folders.has(dirname(test)) ? 2 : Infinity;
  };
  return testFiles(root).filter((file) => file !== "tests/layers_test.ts")
    .map((file) => ({ file, rank: rank(file) })).filter(({ rank }) => rank < Infinity)
    .sort((a, b) => a.rank - b.rank).map(({ file }) => ({ runtime: "bun", file }));
}

const check = (file: string, ...command: string[]): Job => ({ runtime: "check", file, command });
const jobs = [
  check("types", "node", "node_modules/typescript/bin/tsc", "-p", "scripts/types.tsconfig.json"),
  check("format", "deno", "fmt", "--check", "-q"),
  check("lint", "deno", "lint", "-q"),
  { runtime: "bun", file: "tests/layers_test.ts" },
  ...nearestTests(changedFiles()),
];
const display = progress(jobs.length);
endAllOnSignals(() => conclude(display.outcomes));
const left = await runJobs(jobs, {
  root,
  inFlight: 3,
  display,
  until: LAST_START_MS,
});
display.close();
process.exitCode = conclude(display.outcomes, left);
