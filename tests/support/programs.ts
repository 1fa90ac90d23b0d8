// Runs a TypeScript file in a process of its own, on the runtime that runs the test. For what a test
// runner's process is no place for: signals (deno test runs tests on another thread than the one that
// receives them) and what may end the process.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { executable } from "./runtime.ts";

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

/** A running program: its output by lines, and its end. */
export class Program {
  readonly pid: number;
  readonly ended: Promise<{ code: number | null; signal: string | null; stderr: string }>;
  readonly #process: ChildProcess;
  #output = "";
  #waiting: (() => void) | undefined;

  constructor(file: string, args: string[] = []) {
    const [command, all] = commandFor(file, args);
    this.#process = spawn(command, all, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
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
