// Runs the tests: test.ts [--on bun,deno,node] [PATTERN...]
// Without a pattern all of them, each file on its runtimes; with patterns the files whose path contains
// any of them, on Bun or on what --on names.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { endAllOnSignals, type Outcome, runJobs } from "./testing/job.ts";
import {
  guess,
  type Job,
  matching,
  nameOf,
  RUNTIMES,
  timesFile,
  wholeSuite,
} from "./testing/plan.ts";
import { builtProgram } from "./testing/program.ts";
import { conclude, progress } from "./testing/report.ts";

/** Whose tests/ they are: another folder's only in the test of this program. */
const root = process.env.IOMUX_TEST_ROOT ?? fileURLToPath(new URL("..", import.meta.url));

function fail(message: string): never {
  console.error(`test: ${message}`);
  process.exit(2);
}

/** More failures than this are no matter of a busy machine. */
const MOST_REPEATED = 10;

const patterns = process.argv.slice(2);
let on: string[] | undefined;
const at = patterns.indexOf("--on");
if (at >= 0) {
  on = (patterns.splice(at, 2)[1] ?? "").split(",");
  const unknown = on.find((runtime) => !RUNTIMES.includes(runtime));
  if (unknown !== undefined) fail(`no runtime "${unknown}" (one of: ${RUNTIMES.join(", ")})`);
}
const wrong = patterns.find((pattern) => pattern.startsWith("-"));
if (wrong) fail(`unknown option ${wrong} (usage: [--on bun,deno,node] [PATTERN...])`);

const jobs = patterns.length > 0
  ? matching(root, patterns, on)
  : wholeSuite(root).filter(({ runtime }) => on?.includes(runtime) ?? true);
const unmatched = patterns.find((pattern) => matching(root, [pattern]).length === 0);
if (unmatched !== undefined) fail(`no test file's path contains "${unmatched}"`);

// What takes longest starts first, so that no long file runs alone at the end.
const times = readTimes();
const keyOf = (job: Job) => `${job.runtime} ${nameOf(job)}`;
const expected = (job: Job) => times[keyOf(job)] ?? guess(job);
jobs.sort((a, b) => expected(b) - expected(a));

// The whole suite looks at the program that users have, which also starts in half the time.
if (patterns.length === 0 && (on?.includes("bun") ?? true)) {
  console.log("building the program");
  process.env.IOMUX_TEST_PROGRAM = builtProgram(root);
}

// Tests wait more than they compute, so that more of them than processors are under way; far more while
// processors stand idle.
const inFlight = Math.min(8, availableParallelism() + 2);
const most = Math.min(40, availableParallelism() * 5);
const bounds = jobs.length > inFlight ? `, ${inFlight} to ${most} at a time` : "";
console.log(`${jobs.length} test file${jobs.length > 1 ? "s" : ""}${bounds}`);
const display = progress(jobs.length);
endAllOnSignals(() => conclude(display.outcomes));
await runJobs(jobs, { root, inFlight, most, display });
display.close();
const repeated = patterns.length === 0 ? await repeatAlone(display.outcomes) : [];
process.exitCode = conclude(display.outcomes, [], repeated);
keepTimes(display.outcomes);

/**
 * A few files that failed beside others run once more by themselves. One that passes then was short of
 * the machine, and is said to be; one that fails again has failed. Returns the names of the former.
 */
async function repeatAlone(outcomes: Outcome[]): Promise<string[]> {
  const failed = new Set(outcomes.filter(({ failed }) => failed > 0).map(keyOf));
  if (failed.size === 0 || failed.size > MOST_REPEATED) return [];
  console.log(`\n${failed.size} that failed, once more and alone`);
  const again = progress(failed.size);
  const jobsAgain = jobs.filter((job) => failed.has(keyOf(job)));
  await runJobs(jobsAgain, { root, inFlight: 1, display: again });
  again.close();
  return again.outcomes.filter((second) => second.failed === 0).map((second) => {
    const place = outcomes.findIndex((first) => keyOf(first) === keyOf(second));
    const names = outcomes[place]!.failures.map(({ name }) => name).join("; ");
    outcomes[place] = second;
    return `${keyOf(second)}: ${names}`;
  });
}

function readTimes(): Record<string, number> {
  try {
    return JSON.parse(readFileSync(timesFile(root), "utf8"));
  } catch {
    return {};
  }
}

function keepTimes(ended: Outcome[]): void {
  for (const outcome of ended) times[keyOf(outcome)] = Number(outcome.seconds.toFixed(1));
  try {
    mkdirSync(dirname(timesFile(root)), { recursive: true });
    writeFileSync(timesFile(root), JSON.stringify(times));
  } catch {
    // A checkout that can't be written to is tested all the same.
  }
}
