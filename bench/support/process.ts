// Starting, pinning and ending the programs of a run. Every wait has a bound, and whatever is still
// running when the benchmark ends is killed with it.
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The project's folder: every command runs there, so commands name files relative to it. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

/** The server has one core to itself, and what loads it has the other. */
export const serverCpu = 0;
export const clientCpu = 1;

export interface StartOptions {
  /** The only CPU the program, with all its threads, may use. */
  cpu?: number;
  /** Raise the limit on open files as far as it goes. */
  manyFiles?: boolean;
  /** A descriptor that it has as its fourth, number 3. */
  listenFd?: number;
}

/** A running program. */
export interface Program {
  readonly pid: number;
  /** The first match of a pattern in what it has printed, within the time. */
  match(pattern: RegExp, seconds: number): Promise<RegExpMatchArray>;
  /** All of its output, once it has ended well within the time. */
  output(seconds: number): Promise<string>;
  /** Writes a line to its stdin and returns the next line that it prints, within the time. */
  ask(line: string, seconds: number): Promise<string>;
  closeStdin(): void;
  /** SIGTERM, and SIGKILL when that has no effect for three seconds. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  process.on(signal, () => process.exit(code));
}

/** Waits. */
export function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Starts a program; `taskset` and `sh` become the program itself, so the pid is its own. */
export function start(command: string[], { cpu, manyFiles, listenFd }: StartOptions = {}): Program {
  const pin = cpu === undefined ? [] : ["taskset", "-c", String(cpu)];
  const raise = manyFiles ? ["sh", "-c", 'ulimit -n "$(ulimit -H -n)" && exec "$@"', "sh"] : [];
  const [file, ...args] = [...pin, ...raise, ...command] as [string, ...string[]];
  const env = { ...process.env, NO_COLOR: "1" };
  const more = listenFd === undefined ? [] : [listenFd];
  const child = spawn(file, args, {
    cwd: root,
    env,
    stdio: ["pipe", "pipe", "pipe", ...more],
  }) as ChildProcessWithoutNullStreams;
  running.add(child);
  child.stdin.on("error", () => {}); // it may have ended before it was told to

  let stdout = "", stderr = "", ending: string | null = null;
  const watchers = new Set<() => void>();
  const notify = () => [...watchers].forEach((watcher) => watcher());
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text, notify()));
  child.stderr.setEncoding("utf8").on(
    "data",
    (text: string) => stderr = (stderr + text).slice(-4000),
  );
  const end = (how: string) => (ending ??= how, running.delete(child), notify());
  child.on("error", (error) => end(error.message));
  child.on("close", (code, signal) => end(code === 0 ? "" : `exit ${signal ?? code}`));

  /** Resolves as soon as `check` gives something; it is asked at each change. */
  function until<T>(check: () => T | null, seconds: number, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(`${what} within ${seconds} s`), seconds * 1000);
      const watcher = () => {
        const result = check();
        if (result !== null) settle(null, result);
        else if (ending !== null) settle(`${what}: ${ending || "it ended"}`);
      };
      function settle(problem: string | null, result?: T): void {
        clearTimeout(timer);
        watchers.delete(watcher);
        if (problem === null) resolve(result as T);
        else reject(new Error([problem, ...lastLines(stderr)].join("; ")));
      }
      watchers.add(watcher);
      watcher();
    });
  }

  return {
    pid: child.pid ?? 0,
    match: (pattern, seconds) => until(() => stdout.match(pattern), seconds, "not ready"),
    output: (seconds) => until(() => ending === "" ? stdout : null, seconds, "did not end well"),
    ask: async (line, seconds) => {
      const from = stdout.length;
      child.stdin.write(`${line}\n`);
      const answer = () => stdout.slice(from).match(/^(.*)\n/);
      return (await until(answer, seconds, `no answer to "${line}"`))[1]!;
    },
    closeStdin: () => child.stdin.end(),
    async stop() {
      const ended = () => until(() => ending, 3, "did not stop");
      if (ending === null) child.kill("SIGTERM");
      await ended().catch(() => (child.kill("SIGKILL"), ended()));
    },
  };
}

/** Runs a program to its end and returns what it printed; ends it when the time is over. */
export async function run(
  command: string[],
  seconds: number,
  options: StartOptions = {},
): Promise<string> {
  const program = start(command, options);
  try {
    return await program.output(seconds);
  } finally {
    await program.stop();
  }
}

function lastLines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).slice(-2)
    .map((line) => line.slice(0, 200));
}
