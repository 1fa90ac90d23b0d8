// The import rules of the code base (docs/architecture.md), checked on every file, and the checker
// itself on made-up files that break them.
import { describe, expect, it } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  circles,
  eagerPackages,
  folderProblems,
  importsOf,
  layerProblems,
  withoutComments,
} from "./support/layers.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");
const root = fileURLToPath(new URL("..", import.meta.url));
const sourcesOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`).sort();
const files = sourcesOf("lib");
if (existsSync(join(root, "main.ts"))) files.push("main.ts");

const texts = new Map(files.map((path) => [path, read(path)]));

/** Fails with the problems a line each, rather than as two lists to compare. */
function none(problems: string[]): void {
  if (problems.length > 0) throw new Error(`${problems.length} problems:\n${problems.join("\n")}`);
}

describe("the layers of lib/", () => {
  it("are kept by every file", () => {
    expect(files.length).toBeGreaterThan(20);
    none(files.flatMap((path) => layerProblems(path, texts.get(path)!)));
  });

  it("have no files that import each other, types included, nor has any other folder", () => {
    const others = ["tests", "bench", "scripts", "examples"].flatMap(sourcesOf);
    none(circles(new Map([...texts, ...others.map((path) => [path, read(path)] as const)])));
  });

  it("have folders of few files", () => none(folderProblems(files)));

  it("load no package before a command needs it", () => none(eagerPackages(texts)));

  it("the checker sees the imports that there are", () => {
    const imports = importsOf(withoutComments(read("main.ts"))).map(({ target }) => target);
    expect(imports).toContain("./lib/cli/program.ts");
    const all = files.flatMap((path) => importsOf(withoutComments(texts.get(path)!)));
    expect(all.length).toBeGreaterThan(2 * files.length);
  });
});

describe("the checker of the layers", () => {
  const bad: [path: string, text: string, problem: RegExp][] = [
    ["lib/sys/a.ts", 'import { b } from "../selectors/b.ts";', /sys may not import selectors/],
    ["lib/selectors/a.ts", 'import { b } from "../net/b.ts";', /selectors may not import net/],
    ["lib/net/a.ts", 'import type { B } from "../selectors/b.ts";', /net may not import selectors/],
    ["lib/engine/a.ts", 'export * from "../serve/b.ts";', /engine may not import serve/],
    ["lib/engine/a.ts", 'import "./uring/b.ts";', /engine may not import engine\/uring/],
    ["lib/engine/uring/a.ts", 'import "../readiness/b.ts";', /may not import engine\/readiness/],
    ["lib/engine/uring/a.ts", 'import "../mod.ts";', /may not import lib\/engine\/mod\.ts/],
    ["lib/engine/a.ts", 'import { b } from "../tls/b.ts";', /engine may not import tls/],
    ["lib/tls/a.ts", 'import { b } from "../serve/b.ts";', /tls may not import serve/],
    ["lib/tls/a.ts", 'import { b } from "../result/b.ts";', /tls may not import result/],
    ["lib/result/a.ts", 'import "../tls/b.ts";', /result may not import tls/],
    ["lib/result/a.ts", 'import "./merge/b.ts";', /result may not import result\/merge/],
    ["lib/result/a.ts", 'import "../report/b.ts";', /result may not import report/],
    ["lib/result/audit/a.ts", 'import "../merge/b.ts";', /may not import result\/merge/],
    ["lib/serve/a.ts", 'import "../stress/plan/b.ts";', /serve may not import stress\/plan/],
    ["lib/serve/a.ts", 'import "./metrics/b.ts";', /serve may not import serve\/metrics/],
    ["lib/serve/a.ts", 'import type { B } from "../result/b.ts";', /serve may not import result/],
    ["lib/stress/run/a.ts", 'import {\n  b,\n} from "../../client/b.ts";', /may not import client/],
    ["lib/stress/run/a.ts", 'import "../../probe/b.ts";', /stress\/run may not import probe/],
    ["lib/stress/plan/a.ts", 'import "../traffic/b.ts";', /may not import stress\/traffic/],
    ["lib/stress/traffic/a.ts", 'import "../generator/b.ts";', /may not import stress\/generator/],
    ["lib/stress/generator/a.ts", 'import "../run/b.ts";', /may not import stress\/run/],
    ["lib/stress/generator/dial.ts", 'import "../run/b.ts";', /may not import stress\/run/],
    ["lib/probe/a.ts", 'import "../stress/generator/b.ts";', /may not import stress\/generator/],
    ["lib/probe/a.ts", 'import "../stress/run/b.ts";', /probe may not import stress\/run/],
    ["lib/probe/a.ts", 'import "../report/b.ts";', /probe may not import report/],
    ["lib/report/a.ts", 'import "../stress/plan/b.ts";', /report may not import stress\/plan/],
    ["lib/report/judge/a.ts", 'import "../text/b.ts";', /may not import report\/text/],
    ["lib/report/html/a.ts", 'import "../text/b.ts";', /may not import report\/text/],
    ["lib/report/text/a.ts", 'import "../html/b.ts";', /may not import report\/html/],
    ["lib/report/a.ts", 'import "./html/b.ts";', /report may not import report\/html/],
    ["lib/client/a.ts", 'await import("../cli/b.ts");', /client may not import cli/],
    ["lib/client/a.ts", 'import { a } from "../mod.ts";', /client may not import lib\/mod\.ts/],
    ["lib/cli/a.ts", 'import { main } from "../../main.ts";', /cli may not import main\.ts/],
    ["lib/cli/a.ts", 'import "./options/b.ts";', /cli may not import cli\/options/],
    ["lib/cli/serve/a.ts", 'import "../stress/b.ts";', /cli\/serve may not import cli\/stress/],
    ["lib/cli/stress/a.ts", 'import "../program.ts";', /may not import lib\/cli\/program\.ts/],
    ["lib/mod.ts", 'export * from "./engine/mod.ts";', /may not import lib\/engine\/mod\.ts/],
    ["lib/cli/a.ts", 'import { b } from "../soap/b.ts";', /unknown folder soap/],
    ["lib/more/a.ts", "export const a = 1;", /unknown folder more/],
    ["lib/serve/more/a.ts", "export const a = 1;", /unknown folder serve\/more/],
    ["lib/cli/a.ts", 'import { b } from "./b";', /without \.ts/],
    ["lib/stress/run/a.ts", 'import("./b.js");', /imports \.\/b\.js without \.ts/],
    [
      "lib/stress/run/a.ts",
      'f(import("./b.js"), import("./c.css", { with: { type: "text" } }));',
      /imports \.\/b\.js without \.ts/,
    ],
    ["lib/net/a.ts", 'import x from "yaml";', /imports the package yaml$/],
    ["lib/engine/a.ts", 'f(import("yaml"));', /imports the package yaml$/],
    ["lib/client/a.ts", 'f(import("yaml"));', /imports the package yaml$/],
    ["lib/serve/a.ts", 'f(import("yaml"));', /imports the package yaml$/],
    ["lib/tls/a.ts", 'f(import("yaml"));', /imports the package yaml$/],
    ["lib/mod.ts", 'export * from "yaml";', /imports the package yaml$/],
    ["lib/net/a.ts", "const x = Deno.version;", /names a runtime: Deno/],
    ["lib/cli/a.ts", "if (globalThis.Bun?.version) a();", /names a runtime: Bun/],
    ["main.ts", "Bun.exit(1);", /names a runtime: Bun/],
    ["lib/sys/linux.ts", 'process.getBuiltinModule("bun:ffi");', /names a runtime/],
    ["lib/sys/linux.ts", 'import ffi from "node:ffi";', /names the runtime's module node:ffi/],
    ["lib/serve/a.ts", "const w = new Worker(url);", /starts a Worker/],
    ["lib/sys/a.ts", "const x = process.env.IOMUX_TEST_LIBRARY;", /reads a variable of its own/],
    ["lib/serve/a.ts", "export enum Color { Red }", /has an enum/],
    ["lib/serve/a.ts", "const enum Color { Red }", /has an enum/],
    ["lib/serve/a.ts", "const a = await f();", /awaits at its top level/],
    ["lib/serve/a.ts", "await f();", /awaits at its top level/],
    ["lib/cli/stress/stress_a.ts", "const a = 1;", /repeats the name of its folder/],
    ["lib/engine/queue.ts", 'import { a } from "./a.ts";', /this file imports nothing/],
    ["lib/text/units.ts", 'import { readFileSync } from "node:fs";', /lib\/text imports nothing/],
    ["lib/text/units.ts", 'import { a } from "../sys/a.ts";', /text may not import sys/],
    ["lib/net/a.ts", "const a = 1;\n".repeat(301), /has 301 lines/],
  ];
  for (const [path, text, problem] of bad) {
    it(`finds: ${path} ${problem.source}`, () => {
      const problems = layerProblems(path, text);
      expect(problems.length).toBeGreaterThan(0);
      expect(problems[0]).toMatch(problem);
      expect(problems[0]).toMatch(/^\S+:\d+ /);
      expect(problems[0]!.startsWith(`${path}:`)).toBe(true);
    });
  }

  it("names the line, comments and imports over several lines included", () => {
    const text =
      '/**\n * A.\n */\n// b\nimport {\n  b, // c\n} from "../serve/b.ts";\n/* d */ new Worker(a);\n';
    expect(layerProblems("lib/net/a.ts", text)).toEqual([
      "lib/net/a.ts:7 imports lib/serve/b.ts: net may not import serve",
      "lib/net/a.ts:8 starts a Worker",
    ]);
  });

  it("finds a circle of types, and prints the chain of its files with their lines", () => {
    const files = new Map([
      ["lib/net/a.ts", 'import "./z.ts";\nimport { b } from "./b.ts";'],
      ["lib/net/b.ts", '// b\n\nimport type { C } from "../sys/c.ts";'],
      ["lib/sys/c.ts", 'const a = () => import("../net/a.ts");'],
      ["lib/net/z.ts", 'import { c } from "../sys/c.ts";'],
    ]);
    expect(circles(files)).toEqual([
      "lib/net/a.ts:1 -> lib/net/z.ts:1 -> lib/sys/c.ts:1 -> lib/net/a.ts",
      "lib/net/a.ts:2 -> lib/net/b.ts:3 -> lib/sys/c.ts:1 -> lib/net/a.ts",
    ]);
    files.set("lib/sys/c.ts", 'const a = "../net/a.ts";');
    expect(circles(files)).toEqual([]);
  });

  it("finds a folder of too many files", () => {
    const paths = (folder: string) => Array.from({ length: 17 }, (_, i) => `lib/${folder}/${i}.ts`);
    expect(folderProblems([...paths("net"), ...paths("serve").slice(1)])).toEqual([
      "lib/net has 17 files; 16 are the most",
    ]);
  });

  const good: [path: string, text: string][] = [
    ["lib/cli/a.ts", 'const load = () => import("yaml");'],
    ["lib/cli/a.ts", 'import { open } from "../sys/ffi.ts";\nimport { b } from "./b.ts";'],
    [
      "lib/cli/stress/a.ts",
      'import { b } from "../../stress/run/b.ts";\nimport { c } from "../../serve/metrics/c.ts";',
    ],
    ["lib/cli/a.ts", 'import pack from "../../package.json" with { type: "json" };'],
    ["lib/cli/stress/a.ts", 'import { b } from "../exit.ts";\nimport "../scenario/b.ts";'],
    ["lib/cli/program.ts", 'f(import("./stress/b.ts"));\nimport { b } from "./exit.ts";'],
    ["lib/stress/run/a.ts", 'f(import("hdr-histogram-js"));'],
    ["lib/stress/run/a.ts", 'f(import("./b.js", { with: { type: "text" } }));'],
    ["lib/stress/run/a.ts", 'import css from "./b.css" with { type: "text" };'],
    ["lib/stress/run/a.ts", 'import type { Histogram } from "hdr-histogram-js";'],
    ["lib/stress/generator/a.ts", 'import { b } from "./dial.ts";\nimport "../plan/b.ts";'],
    ["lib/probe/a.ts", 'import "../stress/generator/dial.ts";\nimport "../stress/plan/b.ts";'],
    ["lib/report/html/a.ts", 'import "../judge/b.ts";\nimport "../csv.ts";'],
    ["lib/tls/a.ts", 'import "../engine/mod.ts";\nimport "../text/b.ts";'],
    ["lib/engine/a.ts", 'import { a } from "../selectors/mod.ts";\nimport "../net/mod.ts";'],
    ["lib/serve/a.ts", "async function a() {\n  await b();\n}"],
    ["lib/sys/ffi.ts", 'globals.Deno.dlopen; process.getBuiltinModule("bun:ffi");'],
    ["lib/net/a.ts", ' * import { Socket } from "./lib/mod.ts";\n'.replace(/^/, "/**\n") + " */"],
    ["lib/net/a.ts", "// on Deno.x, as Bun.y, new Worker, enum z\nconst a = 1; // Deno.z"],
    ["lib/net/a.ts", 'const words = "Use Bun or Deno.";'],
    ["lib/mod.ts", 'export * from "./net/mod.ts";'],
    ["lib/text/a.ts", 'import { b } from "./b.ts";'],
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
      ["lib/cli/program.ts", 'import "./stress/command.ts";'],
      ["lib/cli/stress/command.ts", run],
      ["lib/stress/run/run.ts", 'import { Recorder } from "../../result/recorder.ts";'],
      ["lib/result/recorder.ts", recorder],
    ]);
  const atTheTop = 'import * as hdr from "hdr-histogram-js";';

  it("finds a package that every start loads, however far down", () => {
    expect(eagerPackages(program('import "../../stress/run/run.ts";', atTheTop))).toEqual([
      "lib/result/recorder.ts:1 imports the package hdr-histogram-js, and every start loads it",
    ]);
  });

  it("is content with a package behind an import(), its own or a module's", () => {
    const lazily = 'const { run } = await import("../../stress/run/run.ts");';
    expect(eagerPackages(program(lazily, atTheTop))).toEqual([]);
    const own = 'const { build } = await import("hdr-histogram-js");';
    expect(eagerPackages(program('import "../../stress/run/run.ts";', own))).toEqual([]);
    const type = 'import type { Histogram } from "hdr-histogram-js";';
    expect(eagerPackages(program('import "../../stress/run/run.ts";', type))).toEqual([]);
  });
});
