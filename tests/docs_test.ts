// Every command line of README.md and docs/ does what it is shown for.
import { describe, expect, it } from "bun:test";
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

/** Ends the server that a block has left in the background, as its reader would. */
const END = 'if [ -n "$!" ]; then kill "$!"; wait "$!"; fi';

/** The shell blocks of a file. */
const blocks = (file: string): string[] =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((m) =>
    m[1]!
  );

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

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
      env: { ...process.env, PATH: `${dir}:${process.env.PATH}` },
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
  for (const file of files) {
    for (const script of blocks(file)) {
      const title = script.trim().replaceAll("\n", "; ");
      if (SET_UP.includes(script.trim()) || !RUNS_HERE) continue;
      it(`${file} shows a command that works: ${title}`, async () => {
        const { code, output } = await runBlock(script);
        expect(`${code} ${output}`).toMatch(/^0 /);
        for (const word of ["hello", "every byte before the end"]) {
          if (script.includes(word)) expect(output.toLowerCase()).toContain(word);
        }
        if (script.includes("stress")) expect(output).toMatch(/verdict +pass/);
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
