// One test file on one runtime, or one check, as a process: started, bounded in time, and summed up.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { testsOf } from "./junit.ts";
import { commandOf, type Job } from "./plan.ts";

/** What a job came to. */
export interface Outcome extends Job {
  passed: number;
  failed: number;
  skipped: number;
  readonly failures: { readonly name: string; readonly message: string }[];
  /** What its tests said that this system can't run: "WHAT: WHY". */
  notRun: string[];
  seconds: number;
}

/** Who is told of jobs as they start and end. */
export interface Display {
  start(job: Job): void;
  end(outcome: Outcome): void;
}

interface Ending {
  /** The exit status, or how it ended else. */
  readonly status: number | string;
  /** All output, without colours. */
  readonly output: string;
  readonly seconds: number;
}

const LIMIT_MS = 300_000;
const LAST_LINES = 30;
const windows = process.platform === "win32";
const running = new Set<number>();

/** Ends a process with all that it started. */
function end(pid: number): void {
  try {
    process.kill(windows ? pid : -pid, "SIGKILL");
  } catch {
    // It has ended, and so has all that it started.
  }
}

/** Ends every process that was started here when this one is to end, after `last`. */
export function endAllOnSignals(last: () => void): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      for (const pid of running) end(pid);
      last();
      process.exit(130);
    });
  }
}

// deno-lint-ignore no-control-regex
const withoutColours = (text: string) => text.replace(/\x1b\[[0-9;?]*[A-Za-z]|\r/g, "");

/** Runs a command line to its end, with more in its environment. */
function execute(
  commandLine: string[],
  cwd: string,
  more: Record<string, string>,
): Promise<Ending> {
  const [command, ...args] = commandLine as [string, ...string[]];
  const start = performance.now();
  return new Promise((resolve) => {
    // A process group of its own: what a test leaves running ends with it.
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...more },
      stdio: ["ignore", "pipe", "pipe"],
      detached: !windows,
    });
    const { pid } = child;
    const chunks: Uint8Array[] = [];
    let how: string | undefined;
    const finish = (status: number | string) => {
      clearTimeout(guard);
      if (pid) running.delete(pid);
      const output = withoutColours(Buffer.concat(chunks).toString());
      resolve({ status, output, seconds: (performance.now() - start) / 1000 });
    };
    const guard = setTimeout(() => {
      how = `still running after ${LIMIT_MS / 1000} s`;
      if (pid) end(pid);
    }, LIMIT_MS);
    if (pid) running.add(pid);
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.on("error", (error) => finish(error.message));
    child.on("exit", () => pid && end(pid)); // or what it left running keeps the pipes open
    child.on("close", (code, signal) => finish(how ?? code ?? `ended by ${signal}`));
  });
}

const lastLines = (output: string) => output.trim().split("\n").slice(-LAST_LINES).join("\n");

const read = (path: string) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the runner has not come to its end
  }
};

async function runJob(job: Job, root: string): Promise<Outcome> {
  const outcome: Outcome = {
    ...job,
    ...{ passed: 0, failed: 0, skipped: 0, failures: [], notRun: [], seconds: 0 },
  };
  const wrong = (name: string, message: string) => {
    outcome.failed++;
    outcome.failures.push({ name, message });
  };
  const folder = mkdtempSync(join(tmpdir(), "iomux-junit-"));
  try {
    const junit = join(folder, "junit.xml");
    const commandLine = job.command ?? commandOf(job, junit);
    const more = {
      ...(job.files && { IOMUX_TEST_FILES: job.files.map((file) => join(root, file)).join("\n") }),
      ...(job.engine && { IOMUX_TEST_ENGINE: job.engine }),
    };
    const { status, output, seconds } = await execute(commandLine, root, more);
    outcome.seconds = seconds;
    const tests = job.command ? [] : testsOf(read(junit), job.runtime);
    for (const { name, state, message } of tests) {
      if (state === "failed") wrong(name, message);
      else outcome[state]++;
    }
    outcome.notRun = [...output.matchAll(/^ *not run: (.*)$/gm)].map(([, what]) => what!);
    // A crash outside of any test is in no report, nor is a file without tests, which has to say why.
    if (status !== 0 && outcome.failed === 0) wrong(`(exit status ${status})`, lastLines(output));
    else if (job.command) outcome.passed += status === 0 ? 1 : 0;
    else if (tests.length === 0 && outcome.notRun.length > 0) outcome.skipped++;
    else if (tests.length === 0) wrong("(no tests in it)", lastLines(output));
    return outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How often it is asked whether the processors stand idle. */
const ASKED_MS = 400;

/** Gives the share of time since the last call, or since it was made, in which the processors stood idle. */
function idleShare(): () => number {
  const read = () => {
    const times = cpus().map((cpu) => cpu.times);
    const all = times.flatMap((time) => Object.values(time)).reduce((sum, ms) => sum + ms, 0);
    return { all, idle: times.reduce((sum, { idle }) => sum + idle, 0) };
  };
  let last = read();
  return () => {
    const now = read();
    const share = (now.idle - last.idle) / Math.max(1, now.all - last.all);
    last = now;
    return share;
  };
}

/** What runs jobs. */
export interface Running {
  readonly root: string;
  /** So many at a time, however busy the machine is. */
  readonly inFlight: number;
  /** So many while processors stand idle, because the jobs wait; without it no more than the others. */
  readonly most?: number;
  readonly display: Display;
  /** No job starts later, milliseconds since this process began. */
  readonly until?: number;
  readonly idle?: () => number;
}

/** Runs jobs in their order; returns those for which the time was over. */
export async function runJobs(jobs: readonly Job[], options: Running): Promise<Job[]> {
  const { root, inFlight, most = inFlight, display, until = Infinity } = options;
  const { idle = idleShare() } = options;
  const left = [...jobs];
  let running = 0;
  const next = async (): Promise<void> => {
    const job = performance.now() < until ? left.shift() : undefined;
    if (!job) return;
    running++;
    display.start(job);
    display.end(await runJob(job, root));
    running--;
    if (running < inFlight) await next();
  };
  const lanes = Array.from({ length: inFlight }, next);
  const more = setInterval(() => {
    const spare = Math.round(idle() * availableParallelism());
    for (let i = 0; i < spare && running < most; i++) lanes.push(next());
  }, ASKED_MS);
  for (const lane of lanes) await lane; // their number grows meanwhile
  clearInterval(more);
  return left;
}
