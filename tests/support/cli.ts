// The command line as a process of its own, on the runtime that runs the test.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { executable } from "./runtime.ts";
import { allStill } from "./still.ts";
import { sleep } from "./waiting.ts";

export const root: string = fileURLToPath(new URL("../../", import.meta.url));
const main = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** No process of a test outlives this, whatever happens to the test. */
const LIFETIME_MS = 50_000;
const READY_MS = 40_000;

/** Of a signal that comes again within half a second nothing is noticed. */
const BURST_MS = 600;

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  code: number | null;
  signal: string | null;
}

/** How a process is started. */
export interface CliOptions {
  /** Text or bytes: all of stdin. "pipe": `child.stdin` stays open. Without it stdin is empty. */
  stdin?: string | Uint8Array | "pipe";
  /** Added to this process's environment, of which no IOMUX_ variable is passed on. */
  env?: Record<string, string>;
  cwd?: string;
  /** The limit of open files, as `ulimit -n`: soft and hard. */
  openFiles?: number;
  /** A lower soft limit, which the program may raise. */
  softOpenFiles?: number;
  /** Another command line that ends up as iomux. */
  through?: [command: string, args: string[]];
  /** A file of tests/support/programs in place of main.ts. */
  program?: string;
  /** Arguments of `deno run` instead of `-q -P`; -q keeps a warning about -P off stderr. */
  denoFlags?: string[];
}

/**
 * The compiled program, where the runner has built it (scripts/test.ts): it starts in half the time, and
 * is what users have.
 */
const compiled = process.versions.bun ? process.env.IOMUX_TEST_PROGRAM : undefined;

/** The option by which a command's engine is chosen. */
const ENGINE_OPTIONS: Record<string, string> = { serve: "--engine", stress: "--client-engine" };
/** Options that say by themselves what a command waits on. */
const CHOOSERS = ["--engine", "--client-engine", "--selector", "--client-selector", "--trace"];

/** With IOMUX_TEST_ENGINE=uring, `serve` and `stress` wait on that engine if a test says nothing else. */
function onEngine(args: string[]): string[] {
  const engine = process.env.IOMUX_TEST_ENGINE;
  const option = ENGINE_OPTIONS[args[0] ?? ""];
  const isSaid = args.some((arg) => CHOOSERS.some((name) => arg.split("=")[0] === name));
  return engine && option && !isSaid ? [args[0]!, option, engine, ...args.slice(1)] : args;
}

/** The command line that runs iomux on this runtime, or another file in its place. */
export function cliCommand(
  args: string[],
  denoFlags: string[] = ["-q", "-P"],
  file: string = main,
): [string, string[]] {
  if (file === main) args = onEngine(args);
  if (compiled && file === main) return [compiled, args];
  const before = process.versions.bun
    ? []
    : process.versions.deno
    ? ["run", ...denoFlags]
    : ["--no-warnings"];
  return [executable, [...before, file, ...args]];
}

/** A running iomux. `await using` ends it, in whatever state it is. */
export class Cli implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves when the process has ended and all its output has arrived. */
  readonly exit: Promise<Exit>;
  /** True once `exit` has resolved. */
  ended = false;
  readonly #out: Uint8Array[] = [];
  readonly #err: Uint8Array[] = [];

  constructor(args: string[], options: CliOptions) {
    let [command, all] = options.through ??
      (options.program === undefined ? cliCommand(args, options.denoFlags) : cliCommand(
        args,
        ["-A", "--no-check"],
        `${root}tests/support/programs/${options.program}`,
      ));
    if (options.openFiles !== undefined) {
      const { softOpenFiles } = options;
      const soft = softOpenFiles === undefined ? "" : `ulimit -S -n ${softOpenFiles} && `;
      all = ["-c", `ulimit -n ${options.openFiles} && ${soft}exec "$@"`, "sh", command, ...all];
      command = "sh";
    }
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("IOMUX_"));
    this.child = spawn(command, all, {
      cwd: options.cwd ?? root,
      env: { ...Object.fromEntries(inherited), ...options.env },
      stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    this.pid = this.child.pid!;
    this.child.stdout!.on("data", (chunk) => this.#out.push(chunk));
    this.child.stderr!.on("data", (chunk) => this.#err.push(chunk));
    this.child.stdin?.on("error", () => {}); // it may end before it has read everything
    if (options.stdin !== undefined && options.stdin !== "pipe") {
      this.child.stdin!.end(options.stdin);
    }
    const guard = setTimeout(() => this.kill("SIGKILL"), LIFETIME_MS);
    this.exit = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code, signal) => {
        clearTimeout(guard);
        this.ended = true;
        resolve({ code, signal });
      });
    });
  }

  stdoutBytes(): Uint8Array {
    return Buffer.concat(this.#out);
  }
  stdout(): string {
    return Buffer.concat(this.#out).toString();
  }
  stderr(): string {
    return Buffer.concat(this.#err).toString();
  }

  /** Sends a signal. By pid: after child.kill() Deno reports the signal whatever the exit was. */
  kill(signal: NodeJS.Signals): void {
    if (this.ended || this.child.exitCode !== null) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // It has just ended.
    }
  }

  /** Sends a signal once more, later than what counts as the same one. */
  async killAgain(signal: NodeJS.Signals): Promise<void> {
    await sleep(BURST_MS);
    this.kill(signal);
  }

  /** Stops it where it is, until SIGCONT: on Linux all its threads stand still by then. */
  async freeze(): Promise<void> {
    this.kill("SIGSTOP");
    await allStill(this.pid);
  }

  /** Sends SIGTERM, and SIGKILL when that has not helped in time; returns how it ended. */
  async stop(withinMs = 9000): Promise<Exit> {
    this.kill("SIGTERM");
    const guard = setTimeout(() => this.kill("SIGKILL"), withinMs);
    const exit = await this.exit;
    clearTimeout(guard);
    return exit;
  }

  /** What stderr says as soon as it matches; fails when the process ends or the time has passed. */
  async says(
    pattern: RegExp,
    stream: "stdout" | "stderr" = "stderr",
    withinMs = 15_000,
  ): Promise<RegExpExecArray> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const match = pattern.exec(this[stream]());
      if (match) return match;
      if (this.ended || performance.now() > deadline) {
        throw new Error(
          `${this.ended ? "ended" : "still running"} without ${pattern} on ${stream}\n` +
            `stdout: ${this.stdout()}\nstderr: ${this.stderr()}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.exit;
  }
}

/** A file of /proc. By another program: Deno lets nobody read them who has not all permissions. */
export const readProc = (path: string): string =>
  execFileSync("cat", [`/proc/${path}`], { encoding: "utf8" });

/** Starts `iomux ARGS`. */
export const spawnCli = (args: string[], options: CliOptions = {}): Cli => new Cli(args, options);

/** A server that listens. */
export class RunningServer extends Cli {
  /** Of TCP; 0 for a Unix socket. */
  port = 0;
  /** "127.0.0.1:9999" or "unix:PATH", as the ready line says. */
  name = "";

  /** Asks for the statistics with SIGUSR1. */
  async stats(): Promise<Stats> {
    const before = this.#printed().length;
    this.kill("SIGUSR1");
    for (const deadline = performance.now() + 15_000; performance.now() < deadline;) {
      const printed = this.#printed();
      if (printed.length > before) return JSON.parse(printed.at(-1)!);
      if (this.ended) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no statistics from the server\nstderr: ${this.stderr()}`);
  }

  /** Asks until the statistics are so, or the time has passed; returns the last. */
  async statsWhen(so: (stats: Stats) => boolean, withinMs = 20_000): Promise<Stats> {
    for (const deadline = performance.now() + withinMs;;) {
      const stats = await this.stats();
      if (so(stats) || performance.now() > deadline) return stats;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Asks until nothing has been received or sent for a while; returns the last. */
  async statsAtRest(quietMs = 150): Promise<Stats> {
    let last = await this.stats();
    for (const deadline = performance.now() + 10_000;;) {
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      const now = await this.stats();
      const same = now.bytes_in === last.bytes_in && now.bytes_out === last.bytes_out;
      if (same || performance.now() > deadline) return now;
      last = now;
    }
  }

  /** The last statistics that were printed. */
  lastStats(): Stats {
    return JSON.parse(this.#printed().at(-1)!);
  }

  #printed(): string[] {
    return this.stdout().split("\n").slice(0, -1).filter((line) => line.startsWith("{"));
  }
}

/** The statistics of the contract, as far as they are numbers. */
export type Stats =
  & Record<
    | "uptime_s"
    | "workers"
    | "accepted"
    | "active"
    | "peak"
    | "rejected"
    | "denied"
    | "closed"
    | "bytes_in"
    | "bytes_out"
    | "handoffs"
    | "leases_active"
    | "wakeups"
    | "events"
    | "spurious_wakeups"
    | "accept_pauses"
    | "max_buffered"
    | "worker_restarts"
    | "connections_lost"
    | "connections_cut",
    number
  >
  & { selector: string; errors: Record<string, number> };

/**
 * Starts `iomux serve ARGS`, on a free port of the loopback unless the arguments say otherwise, and
 * resolves when it listens.
 */
export async function startServe(
  args: string[] = [],
  options: CliOptions = {},
): Promise<RunningServer> {
  const has = (...names: string[]) => args.some((arg) => names.includes(arg.split("=")[0]!));
  const all = ["serve"];
  if (!has("--unix") && options.env?.IOMUX_SERVE_UNIX === undefined) {
    if (!has("-p", "--port") && options.env?.IOMUX_SERVE_PORT === undefined) all.push("-p", "0");
    if (!has("-H", "--host") && options.env?.IOMUX_SERVE_HOST === undefined) {
      all.push("-H", "127.0.0.1");
    }
  }
  const server = new RunningServer([...all, ...args], options);
  try {
    const ready = await server.says(/^listening on (.*?(?::(\d+))?)\n/, "stdout", READY_MS);
    server.name = ready[1]!;
    server.port = Number(ready[2] ?? 0);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

/** A report with each of its rows on one line, however wide the terminal is. */
export const unwrapped = (report: string): string => report.replace(/\n {12}(?=\S)/g, " ");

/**
 * `iomux serve ARGS` on a free port of 127.0.0.1, started by a shell: `"$@"` stands for its command line
 * in `script`, which can redirect it, limit it, or put something around it.
 */
export const serveByShell = (
  script: string,
  args: string[] = [],
  options: CliOptions = {},
): Promise<RunningServer> => {
  const serve = ["serve", "-p", "0", "-H", "127.0.0.1", ...args];
  const [command, all] = cliCommand(serve, options.denoFlags);
  return startServe(args, { ...options, through: ["sh", ["-c", script, "sh", command, ...all]] });
};
