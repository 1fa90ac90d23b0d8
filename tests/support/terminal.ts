// A command on a terminal of its own, by util-linux's script(1).
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { root } from "./cli.ts";
import { onWindows } from "./systems.ts";
import { until } from "./waiting.ts";

const SCRIPT = "/usr/bin/script";

/** Why there is no terminal here. */
export const NO_TERMINAL: string | undefined = onWindows
  ? "Windows has no script(1)"
  : existsSync(SCRIPT)
  ? undefined
  : "no script(1) here";

const ESCAPE = "\x1b";
const BELL = "\x07";

/** What is read, without what only moves the cursor or colours the text. */
export const plainText = (text: string): string =>
  text.replaceAll(new RegExp(`${ESCAPE}\\][^${BELL}${ESCAPE}]*(${BELL}|${ESCAPE}\\\\)`, "g"), "")
    .replaceAll(new RegExp(`${ESCAPE}[[(][?>=\\d;]*[ -/]*[A-Za-z@]|${ESCAPE}[=>]`, "g"), "");

/** A command that has a terminal. `await using` ends it. */
export class Terminal implements AsyncDisposable {
  readonly exit: Promise<number | null>;
  readonly #child: ChildProcess;
  #said = "";

  /** The command line is one for sh. */
  constructor(line: string, columns = 80, env: Record<string, string> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) =>
      !name.startsWith("IOMUX_") && !["NO_COLOR", "FORCE_COLOR"].includes(name)
    );
    this.#child = spawn(
      SCRIPT,
      ["-qec", `stty cols ${columns} rows 50; exec ${line}`, "/dev/null"],
      {
        cwd: root,
        env: { ...Object.fromEntries(inherited), TERM: "xterm", ...env },
        stdio: ["pipe", "pipe", "ignore"],
      },
    );
    this.#child.stdout!.on("data", (chunk) => this.#said += chunk);
    this.#child.stdin!.on("error", () => {});
    const guard = setTimeout(() => this.#child.kill("SIGKILL"), 50_000);
    this.exit = new Promise((resolve) =>
      this.#child.on("close", (code) => {
        clearTimeout(guard);
        resolve(code);
      })
    );
  }

  /** All that it has shown. */
  get said(): string {
    return this.#said;
  }

  /** Waits until what was shown from `from` on matches, and returns where that ends. */
  async says(pattern: RegExp, from = 0, withinMs = 20_000): Promise<number> {
    const match = () => pattern.exec(this.#said.slice(from));
    if (!await until(() => match() !== null, withinMs)) {
      throw new Error(`no ${pattern} in: ${JSON.stringify(this.#said.slice(from))}`);
    }
    return from + match()!.index + match()![0].length;
  }

  /** The same for what is read: without colours and moves of the cursor. */
  async reads(pattern: RegExp, from = 0, withinMs = 20_000): Promise<void> {
    const text = () => plainText(this.#said.slice(from));
    if (await until(() => pattern.test(text()), withinMs)) return;
    throw new Error(`no ${pattern} in: ${JSON.stringify(text())}`);
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    this.#child.kill("SIGKILL");
    await this.exit;
  }
}

/** Words as a line for sh. */
export const shellLine = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
