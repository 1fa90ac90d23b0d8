// Every command line of README.md and docs/ does what it is shown for.
import { beforeAll, describe, expect, it } from "bun:test";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Socket } from "../lib/net/mod.ts";
import { cliCommand, root } from "./support/cli.ts";

/** Run by .ci/run on a clean checkout: they set up what this test runs in. */
const SET_UP = ["npm ci && npm start -- stress", "npm ci && npm test"];

const files = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs")).map((f) => `docs/${f}`),
]
  .filter((file) => file.endsWith(".md"));

/** The same commands on every runtime: one suite runs them. Bun is the binary's runtime. */
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

/** A port that nobody listens on, below those that the system gives to clients. */
function freePort(): string {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Socket.listen({ host: "0.0.0.0", port }).close();
      return String(port);
    } catch {
      // Somebody does.
    }
  }
}

/** The block with other ports than those that it names: on this machine they may be taken. */
function elsewhere(script: string): string {
  const named = [...script.matchAll(/(?:--port |-p |:)(\d{4,5})\b/g)].map(([, port]) => port!);
  const ports = new Map(named.map((port) => [port, freePort()]));
  return script.replace(/\b\d{4,5}\b/g, (number) => ports.get(number) ?? number);
}

interface Outcome {
  code: number | null;
  output: string;
}

/** What became of each block. */
const outcomes = new Map<string, Promise<Outcome>>();

/** Runs the blocks in their order, two at a time: most of their time is waiting. */
function runAll(scripts: string[]): void {
  const left = scripts.map((script) => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    outcomes.set(script, promise);
    return { script, resolve };
  });
  const lane = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      next.resolve(await runBlock(elsewhere(next.script)));
    }
  };
  void lane();
  void lane();
}

/** Runs a block in a shell where `iomux` is this checkout's, and ends what it left running. */
function runBlock(script: string): Promise<Outcome> {
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
        // How two short runs compare depends on what else the machine does at the time.
        expect(`${code} ${output}`).toMatch(script.includes("--baseline") ? /^[07] / : /^0 /);
        for (const word of ["hello", "every byte before the end"]) {
          if (script.includes(word)) expect(output.toLowerCase()).toContain(word);
        }
        // "invalid" where other programs leave too little of it for an open loop.
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
