// Nothing in lib/ is there for tests: the program, the library, an example, a benchmark or a script has a use for
// every file and every export.
import { describe, expect, it } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { unreachable, unusedExports } from "./support/uses.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const filesIn = (folder: string) =>
  readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.m?[tj]s$/.test(name) && !name.includes("node_modules"))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
const read = (paths: string[]) =>
  new Map(paths.map((path) => [path, readFileSync(`${root}${path}`, "utf8")]));

const users = ["examples", "bench", "scripts"].flatMap(filesIn);
const all = read(["main.ts", ...filesIn("lib"), ...users]);

describe("lib/", () => {
  it("has no file that only tests import", () => {
    const roots = ["main.ts", "lib/mod.ts", "scripts/manuals.ts"];
    const found = unreachable(all, roots).filter((path) => /^lib\/.*\.ts$/.test(path));
    expect(found).toEqual([]);
  });

  it("has no export that only tests name", () => {
    expect(all.size).toBeGreaterThan(users.length + 100);
    expect(unusedExports(all)).toEqual([]);
  });
});

describe("the checker of uses", () => {
  const files = new Map([
    ["main.ts", 'const load = () => import("./lib/a.ts");'],
    ["lib/a.ts", 'import { used } from "./b.ts";\nused();'],
    ["lib/b.ts", "export const used = () => {};\n// unused\nexport function unused(): void {}"],
    ["lib/c.ts", 'import "./a.ts";'],
  ]);

  it("finds a file that nothing imports", () => {
    expect(unreachable(files, ["main.ts"])).toEqual(["lib/c.ts"]);
  });

  it("finds an export that stands in a comment only", () => {
    expect(unusedExports(files)).toEqual(["lib/b.ts: unused"]);
  });
});
