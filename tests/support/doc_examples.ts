// The public symbols of lib/mod.ts with the examples of their doc comments, and running those.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { root } from "./cli.ts";
import { commandFor } from "./programs.ts";

/** Longer than all examples of a file take together on a busy machine. */
const LIFETIME_MS = 30_000;

/** An exported symbol, found where it is declared, however often it is re-exported. */
export interface PublicSymbol {
  readonly name: string;
  /** Where to write the doc comment: "lib/net/socket.ts", line 38. */
  readonly file: string;
  readonly line: number;
  readonly documented: boolean;
  /** The text of each `@example`. */
  readonly examples: readonly string[];
}

interface Declaration {
  location: { filename: string; line: number };
  jsDoc?: { doc?: string; tags?: { kind: string; doc?: string }[] };
}

/** Everything that lib/mod.ts exports: values and types. */
export function publicSymbols(): PublicSymbol[] {
  const deno = process.versions.deno ? process.execPath : "deno";
  const done = spawnSync(deno, ["doc", "--json", "lib/mod.ts"], {
    cwd: root,
    encoding: "utf8",
    timeout: LIFETIME_MS,
    env: { ...process.env, NO_COLOR: "1" },
  });
  if (done.status !== 0) {
    const why = done.error?.message ?? done.stderr;
    throw new Error(
      `Cannot list the exports of lib/mod.ts with \`deno doc\`: ${why}\n` +
        "Run the tests by `npm run test:bun`, `test:deno` or `test:node`, which put Deno on PATH",
    );
  }
  const nodes: Record<string, { symbols: { name: string; declarations: Declaration[] }[] }> =
    JSON.parse(done.stdout).nodes;
  return Object.values(nodes).flatMap(({ symbols }) =>
    symbols.map(({ name, declarations }) => {
      const { filename, line } = declarations[0]!.location;
      return {
        name,
        file: relative(root, fileURLToPath(filename)).replaceAll("\\", "/"),
        line,
        documented: declarations.some(({ jsDoc }) => (jsDoc?.doc ?? "").trim() !== ""),
        examples: declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? [])
          .filter(({ kind }) => kind === "example").map(({ doc }) => doc ?? ""),
      };
    })
  );
}

/** The program in the text of an `@example`; undefined when it has no ```ts block. */
export const codeOf = (example: string): string | undefined =>
  /^```ts\n([\s\S]*?)^```/m.exec(example)?.[1];

/** What the comments behind console.log say that it prints; "e.g. …" stands for anything. */
const promisesOf = (code: string): string[] =>
  [...code.matchAll(/\bconsole\.log\(.*\);?(?: \/\/ (.*))?$/gm)].map((found) => found[1] ?? "");

const keeps = (promise: string, line: string) => promise === line || promise.startsWith("e.g. ");

/** A program of a doc comment, in a file that any runtime can run. */
export interface Example {
  readonly name: string;
  readonly code: string;
  readonly path: string;
}

/** Writes an example into `folder`, importing this checkout where the text says "iomux". */
export function writeExample(folder: string, name: string, code: string): Example {
  const path = join(folder, `${name}.ts`);
  const library = (sub = "") => pathToFileURL(join(root, "lib", sub, "mod.ts")).pathname;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(
    path,
    code.replace(/\bfrom "iomux(?:\/(\w+))?"/g, (_, sub) => `from "${library(sub)}"`),
  );
  return { name, code, path };
}

/** Runs examples in one process; what is wrong with each, in words, or undefined. */
export function runExamples(examples: Example[]): Promise<Map<string, string | undefined>> {
  const [command, args] = commandFor("doc_examples.ts", examples.map(({ path }) => path));
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const guard = setTimeout(() => process.kill(child.pid!, "SIGKILL"), LIFETIME_MS);
    let stdout = "", stderr = "";
    child.stdout.on("data", (chunk) => stdout += chunk);
    child.stderr.on("data", (chunk) => stderr += chunk);
    child.on("close", (code, signal) => {
      clearTimeout(guard);
      const ending = `the process ended with ${signal ?? code}, after ${stdout.split("\n").at(-2)}`;
      const all = code === 0 && stderr === "" ? undefined : `${ending}\n${stderr}`;
      const lines = stdout.split("\n").filter((line) => line.endsWith("}")).map((l) =>
        JSON.parse(l)
      );
      resolve(
        new Map(examples.map((example) => {
          const own = lines.find((l) => l.file === example.path && l.state !== "running");
          return [example.name, problemOf(example, own) ?? all];
        })),
      );
    });
  });
}

interface Outcome {
  state: "done" | "failed";
  printed: string[];
  error?: string;
}

function problemOf({ code }: Example, outcome: Outcome | undefined): string | undefined {
  if (outcome?.error !== undefined) return `it throws: ${outcome.error}`;
  if (!outcome) return undefined; // it was not its turn, or it is the one that did not end
  const { printed } = outcome;
  // Written for a backend that this system may lack.
  if (printed.length === 0 && code.includes("availableSelectors()")) return undefined;
  const promises = promisesOf(code);
  if (promises.length === printed.length && promises.every((p, i) => keeps(p, printed[i]!))) return;
  return `it prints ${JSON.stringify(printed)}, but the comments behind its console.log say ` +
    JSON.stringify(promises);
}
