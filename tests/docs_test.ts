// Every command line of README.md and docs/ does what it is shown for.
import { beforeAll, describe, expect, it } from "bun:test";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cliCommand, root } from "./support/cli.ts";

/** Run by .ci/run on a clean checkout: they set up what this test runs in. */
const SET_UP = ["npm ci && npm start -- stress", "npm ci && npm test"];

const files = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs")).map((f) => `docs/${f}`),
]
  .filter((file) => file.endsWith(".md"));

/**
 * The commands are those of a reader, with the ports that the documents name, so they are run by one suite
 * only: the suites of several runtimes may run at once. Bun is the binary's runtime.
 */
const RUNS_HERE = process.versions.bun !== undefined;
if (!RUNS_HERE) console.log("not run: the documents' commands: the suite of Bun runs them");

/** Without options the load lasts 10 s, of which the first are like the others. */
const briefly = (script: string): Record<string, string> =>
  script.trim() === "iomux stress" ? { IOMUX_DURATION: "2s" } : {};

/** Ends the server that a block has left in the background, as its reader would. */
const END = 'if [ -n "$!" ]; then kill "$!"; wait "$!"; fi';

/** The shell blocks of a file. */
const blocks = (file: string): string[] =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((m) =>
    m[1]!
  );

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** The ports that a block names. */
const portsIn = (script: string): string[] =>
  [...script.matchAll(/\b99\d\d\b/g)].map(([port]) => port);

/** What was run, by its block. */
const outcomes = new Map<string, ReturnType<typeof runBlock>>();

/**
 * Runs two blocks at a time, as most of their time is waiting, in their order as far as the ports that
 * they name are free.
 */
function runAll(scripts: string[]): void {
  const left = [...scripts];
  const taken = new Set<string>();
  const settle = new Map<string, (outcome: ReturnType<typeof runBlock>) => void>();
  for (const script of scripts) {
    outcomes.set(script, new Promise((resolve) => settle.set(script, resolve)));
  }
  let running = 0;
  const next = (): void => {
    const at = left.findIndex((script) => portsIn(script).every((port) => !taken.has(port)));
    if (at < 0 || running === 2) return;
    const [script] = left.splice(at, 1);
    running++;
    for (const port of portsIn(script!)) taken.add(port);
    const outcome = runBlock(script!);
    settle.get(script!)!(outcome);
    void outcome.then(() => {
      running--;
      for (const port of portsIn(script!)) taken.delete(port);
      next();
      next();
    });
    next();
  };
  next();
}

/** Runs a block in a shell where `iomux` is this checkout's, and ends what it left running. */
function runBlock(script: string): Promise<{ code: number | null; output: string }> {
  const dir = mkdtempSync(join(tmpdir(), "iomux-docs-"));
  const [command, args] = cliCommand([]);
  writeFileSync(
    join(dir, "iomux"),
    `#!/bin/sh\nexec ${[command, ...args].map(quote).join(" ")} "$@"\n`,
  );
  chmodSync(join(dir, "iomux"), 0o755);
  return new Promise((resolve) => {
    // A process group of its own, so that the servers in the background can be ended with it.
    const shell = spawn("sh", ["-e", "-c", `${script}\n${END}`], {
      cwd: root,
      detached: true,
      env: { ...process.env, PATH: `${dir}:${process.env.PATH}`, ...briefly(script) },
    });
    let output = "";
    shell.stdout.on("data", (chunk) => output += chunk);
    shell.stderr.on("data", (chunk) => output += chunk);
    const guard = setTimeout(() => process.kill(-shell.pid!, "SIGKILL"), 40_000);
    shell.on("close", (code) => {
      clearTimeout(guard);
      rmSync(dir, { recursive: true });
      resolve({ code, output });
    });
  });
}

describe("the documentation", () => {
  const shown = (file: string) =>
    RUNS_HERE ? blocks(file).filter((script) => !SET_UP.includes(script.trim())) : [];
  beforeAll(() => runAll([...new Set(files.flatMap(shown))]));

  for (const file of files) {
    for (const script of shown(file)) {
      const title = script.trim().replaceAll("\n", "; ");
      it(`${file} shows a command that works: ${title}`, async () => {
        const { code, output } = await outcomes.get(script)!;
        expect(`${code} ${output}`).toMatch(/^0 /);
        for (const word of ["hello", "every byte before the end"]) {
          if (script.includes(word)) expect(output.toLowerCase()).toContain(word);
        }
        // "invalid" where other programs leave too little of the machine for an open loop.
        if (script.includes("stress")) expect(output).toMatch(/verdict +(pass|invalid)/);
      });
    }
  }

  it("README.md has the two command lines that CI runs", () => {
    const all = blocks("README.md").map((script) => script.trim());
    for (const line of SET_UP) expect(all).toContain(line);
  });

  it("links between the documents lead somewhere", () => {
    for (const file of files) {
      const folder = file.includes("/") ? join(root, "docs") : root;
      for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(/\]\(([^)#]+)\)/g)) {
        if (!target!.startsWith("https://")) readFileSync(join(folder, target!));
      }
    }
  });
});
