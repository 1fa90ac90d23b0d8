// Runs a TypeScript file in a process of its own, on the runtime that runs the test. For what a test
// runner's process is no place for: signals (deno test runs tests on another thread than the one that
// receives them) and what may end the process.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { availableSelectors, DefaultSelector, type SelectorName } from "../../lib/selectors/mod.ts";
import { executable } from "./runtime.ts";
import { allStill } from "./still.ts";
import { sleep } from "./waiting.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The command line that runs a file on this runtime. */
export function commandFor(file: string, args: string[] = []): [string, string[]] {
  const path = fileURLToPath(new URL(`./programs/${file}`, import.meta.url));
  const before = process.versions.bun
    ? []
    : process.versions.deno
    ? ["run", "-A", "--no-check"]
    : ["--no-warnings"];
  return [executable, [...before, path, ...args]];
}

/** Whether the first thread of a process sleeps, and its processor time in ticks. Linux only. */
function look(pid: number): { sleeps: boolean; ticks: number } {
  // By another program: Deno lets nobody read it who has not all permissions.
  const stat = execFileSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" });
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { sleeps: fields[0] === "S", ticks: Number(fields[11]) + Number(fields[12]) };
}

/**
 * Resolves when a process that has said that it will wait does so: whoever does something else first is
 * running, or ready to, as soon as it gets a processor. Elsewhere than on Linux it is hoped for.
 */
export async function isWaiting(pid: number): Promise<void> {
  if (process.platform !== "linux") return sleep(150);
  const deadline = performance.now() + 10_000;
  let last = look(pid);
  for (let calm = 0; calm < 4 && performance.now() < deadline;) {
    await sleep(15);
    const now = look(pid);
    calm = now.sleeps && now.ticks === last.ticks ? calm + 1 : 0;
    last = now;
  }
}

/**
 * What programs are tried with that take long: every selector here on Bun, the best one on Deno and Node,
 * which differ in how they run a program and not in what a selector tells.
 */
export function selectorsForPrograms(): SelectorName[] {
  if (process.versions.bun) {
    return availableSelectors().filter((s) => s.available).map((s) => s.name);
  }
  using selector = new DefaultSelector();
  return [selector.name];
}

/** A running program: its output by lines, and its end. */
export class Program {
  readonly pid: number;
  readonly ended: Promise<{ code: number | null; signal: string | null; stderr: string }>;
  readonly #process: ChildProcess;
  #output = "";
  #waiting: (() => void) | undefined;

  constructor(file: string, args: string[] = []) {
    const [command, all] = commandFor(file, args);
    this.#process = spawn(command, all, { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
    this.pid = this.#process.pid!;
    let stderr = "";
    this.#process.stderr!.on("data", (chunk) => stderr += chunk);
    this.#process.stdout!.on("data", (chunk) => {
      this.#output += chunk;
      this.#waiting?.();
    });
    this.ended = new Promise((resolve) =>
      this.#process.on("close", (code, signal) => {
        resolve({ code, signal, stderr });
        this.#waiting?.();
      })
    );
  }

  /** Stops all its threads for so long (SIGSTOP), while something is written to its standard input. */
  async writeWhileStopped(text: string, ms: number): Promise<void> {
    process.kill(this.pid, "SIGSTOP");
    await allStill(this.pid);
    this.write(text);
    await sleep(ms);
    process.kill(this.pid, "SIGCONT");
  }

  /** Writes to its standard input. */
  write(text: string): void {
    this.#process.stdin!.write(text);
  }

  /** The next line; throws with what the program said on stderr when it ends before. */
  async line(): Promise<string> {
    for (let over = false;;) {
      const at = this.#output.indexOf("\n");
      if (at >= 0) {
        const line = this.#output.slice(0, at);
        this.#output = this.#output.slice(at + 1);
        return line;
      }
      if (over) throw new Error(`The program ended: ${JSON.stringify(await this.ended)}`);
      over = await Promise.race([
        new Promise<boolean>((resolve) => this.#waiting = () => resolve(false)),
        this.ended.then(() => true),
      ]);
    }
  }
}
