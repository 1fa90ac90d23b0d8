// The import rules of the code base (docs/architecture.md), checked on every file, and the checker
// itself on made-up files that break them.
import { describe, expect, it } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eagerPackages, importsOf, layerProblems, withoutComments } from "./support/layers.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");
const root = fileURLToPath(new URL("..", import.meta.url));
const files = readdirSync(join(root, "lib"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts")).map((name) => `lib/${name.replaceAll("\\", "/")}`).sort();
if (existsSync(join(root, "main.ts"))) files.push("main.ts");

describe("the layers of lib/", () => {
  it("are kept by every file", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.flatMap((path) => layerProblems(path, read(path)))).toEqual([]);
  });

  it("load no package but commander before a command needs it", () => {
    expect(eagerPackages(new Map(files.map((path) => [path, read(path)])))).toEqual([]);
  });

  it("the checker sees the imports that there are", () => {
    const code = withoutComments(read("lib/selectors/base.ts"));
    const imports = importsOf(code).map(({ target }) => target);
    for (const target of ["../sys/errno.ts", "./keys.ts", "./selector.ts", "./waker.ts"]) {
      expect(imports.includes(target)).toBe(true);
    }
  });
});

describe("the checker of the layers", () => {
  const bad: [path: string, text: string, problem: RegExp][] = [
    ["lib/sys/a.ts", 'import { b } from "../selectors/b.ts";', /sys is not above selectors/],
    ["lib/selectors/a.ts", 'import { b } from "../net/b.ts";', /selectors is not above net/],
    ["lib/net/a.ts", 'import type { B } from "../selectors/b.ts";', /net is not above selectors/],
    ["lib/engine/a.ts", 'export * from "../serve/b.ts";', /engine is not above serve/],
    ["lib/serve/a.ts", 'import "../stress/b.ts";', /serve is not above stress/],
    ["lib/stress/a.ts", 'import {\n  b,\n} from "../client/b.ts";', /stress is not above client/],
    ["lib/client/a.ts", 'await import("../cli/b.ts");', /client is not above cli/],
    ["lib/client/a.ts", 'import { a } from "../mod.ts";', /lib\/mod\.ts, which is above/],
    ["lib/cli/a.ts", 'import { main } from "../../main.ts";', /main\.ts, which is above/],
    ["lib/engine/a.ts", 'import { b } from "../tls/b.ts";', /engine is not above tls/],
    ["lib/tls/a.ts", 'import { b } from "../serve/b.ts";', /tls is not above serve/],
    ["lib/cli/a.ts", 'import { b } from "../soap/b.ts";', /unknown folder soap/],
    ["lib/more/a.ts", "export const a = 1;", /unknown folder more/],
    ["lib/cli/a.ts", 'import { b } from "./b";', /without \.ts/],
    ["lib/stress/a.ts", 'await import("./b.js");', /imports \.\/b\.js without \.ts/],
    [
      "lib/stress/a.ts",
      'f(import("./b.js"), import("./c.css", { with: { type: "text" } }));',
      /imports \.\/b\.js without \.ts/,
    ],
    ["lib/net/a.ts", 'import x from "yaml";', /imports the package yaml$/],
    ["lib/engine/a.ts", 'const x = await import("yaml");', /imports the package yaml$/],
    ["lib/client/a.ts", 'const x = await import("yaml");', /imports the package yaml$/],
    ["lib/mod.ts", 'export * from "yaml";', /imports the package yaml$/],
    ["lib/net/a.ts", "const x = Deno.version;", /names a runtime: Deno/],
    ["lib/cli/a.ts", "if (globalThis.Bun?.version) a();", /names a runtime: Bun/],
    ["main.ts", "Bun.exit(1);", /names a runtime: Bun/],
    ["lib/sys/linux.ts", 'process.getBuiltinModule("bun:ffi");', /names a runtime/],
    ["lib/sys/linux.ts", 'import ffi from "node:ffi";', /names the runtime's module node:ffi/],
    ["lib/serve/a.ts", "const w = new Worker(url);", /starts a Worker/],
    ["lib/serve/a.ts", "export enum Color { Red }", /has an enum/],
    ["lib/serve/a.ts", "const enum Color { Red }", /has an enum/],
    ["lib/engine/queue.ts", 'import { a } from "./a.ts";', /this file imports nothing/],
    ["lib/text/units.ts", 'import { readFileSync } from "node:fs";', /this file imports nothing/],
    ["lib/net/a.ts", "const a = 1;\n".repeat(301), /has 301 lines/],
  ];
  for (const [path, text, problem] of bad) {
    it(`finds: ${path} ${problem.source}`, () => {
      const problems = layerProblems(path, text);
      expect(problems.length).toBeGreaterThan(0);
      expect(problems[0]).toMatch(problem);
      expect(problems[0]!.startsWith(`${path} `)).toBe(true);
    });
  }

  const good: [path: string, text: string][] = [
    ["lib/cli/a.ts", 'import { Command } from "@commander-js/extra-typings";'],
    ["lib/cli/a.ts", 'import { open } from "../sys/ffi.ts";\nimport { b } from "./b.ts";'],
    ["lib/cli/a.ts", 'import { b } from "../stress/b.ts";\nimport { c } from "../serve/c.ts";'],
    ["lib/cli/a.ts", 'import pack from "../../package.json" with { type: "json" };'],
    ["lib/stress/a.ts", 'const { build } = await import("hdr-histogram-js");'],
    ["lib/stress/a.ts", 'await import("./b.js", { with: { type: "text" } });'],
    ["lib/stress/a.ts", 'import css from "./b.css" with { type: "text" };'],
    ["lib/stress/a.ts", 'import type { Histogram } from "hdr-histogram-js";'],
    ["lib/engine/a.ts", 'import { a } from "../selectors/mod.ts";\nimport "../net/mod.ts";'],
    ["lib/sys/ffi.ts", 'globals.Deno.dlopen; process.getBuiltinModule("bun:ffi");'],
    ["lib/net/a.ts", ' * import { Socket } from "./lib/mod.ts";\n'.replace(/^/, "/**\n") + " */"],
    ["lib/net/a.ts", "// on Deno.x, as Bun.y, new Worker, enum z\nconst a = 1; // Deno.z"],
    ["lib/net/a.ts", 'const words = "Use Bun or Deno.";'],
    ["lib/mod.ts", 'export type { Handler } from "./serve/handler.ts";'],
    ["main.ts", 'import { Worker } from "node:worker_threads";\nnew Worker(url);'],
    ["lib/net/a.ts", "const a = 1;\n".repeat(300)],
    [
      "lib/net/a.ts",
      `/**\n * A.\n *\n * @example\n${" * x\n".repeat(50)} */\n${"const a = 1;\n".repeat(290)}`,
    ],
  ];
  for (const [i, [path, text]] of good.entries()) {
    it(`is content with good file ${i + 1}: ${path}`, () => {
      expect(layerProblems(path, text)).toEqual([]);
    });
  }

  const program = (run: string, recorder: string) =>
    new Map([
      ["main.ts", 'const { main } = await import("./lib/cli/program.ts");'],
      ["lib/cli/program.ts", 'import { Command } from "commander";\nimport "./stress.ts";'],
      ["lib/cli/stress/command.ts", run],
      ["lib/stress/run/run.ts", 'import { Recorder } from "./recorder.ts";'],
      ["lib/result/recorder.ts", recorder],
    ]);
  const atTheTop = 'import * as hdr from "hdr-histogram-js";';

  it("finds a package that every start loads, however far down", () => {
    expect(eagerPackages(program('import "../stress/stress.ts";', atTheTop))).toEqual([
      "lib/result/recorder.ts imports the package hdr-histogram-js, and every start loads it",
    ]);
  });

  it("is content with a package behind an import(), its own or a module's", () => {
    const lazily = 'const { run } = await import("../stress/stress.ts");';
    expect(eagerPackages(program(lazily, atTheTop))).toEqual([]);
    const own = 'const { build } = await import("hdr-histogram-js");';
    expect(eagerPackages(program('import "../stress/stress.ts";', own))).toEqual([]);
    const type = 'import type { Histogram } from "hdr-histogram-js";';
    expect(eagerPackages(program('import "../stress/stress.ts";', type))).toEqual([]);
  });
});
