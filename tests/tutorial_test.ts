// The tutorial: its programs, the outputs that it shows, and its two languages against each other.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support/cli.ts";
import { executable } from "./support/runtime.ts";
import { type Block, fencedBlocks, runBlock } from "./support/shell_blocks.ts";

const tutorial = join(root, "docs", "tutorial");
const chapters = readdirSync(join(tutorial, "en")).filter((name) => name.endsWith(".md")).sort();
const read = (language: string, chapter: string) =>
  readFileSync(join(tutorial, language, chapter), "utf8");
const programs = readdirSync(join(root, "examples", "tutorial"))
  .filter((name) => name.endsWith(".ts"));

/** A shell block, and what the document says that it prints. */
interface Shown {
  script: string;
  output: string | undefined;
}

function shown(document: string): Shown[] {
  const blocks = fencedBlocks(document);
  return blocks.flatMap(({ lang, text }: Block, i) => {
    const next = blocks[i + 1];
    return lang === "sh"
      ? [{ script: text, output: next?.lang === "" ? next.text : undefined }]
      : [];
  });
}

/** Lines as they must come; those of several processes may change places. */
function lines(output: string, script: string): string[] {
  const all = output.trimEnd().split("\n");
  return script.includes("&\n") ? all.sort() : all;
}

/** "…" stands for anything within a line. */
function expectOutput(output: string, wanted: string, script: string): void {
  const pattern = (line: string) =>
    new RegExp(`^${line.split("…").map((part) => RegExp.escape(part)).join(".+")}$`);
  const patterns = wanted.trimEnd().split("\n").map(pattern);
  const unmatched = lines(output, script).filter((line) => {
    const at = script.includes("&\n")
      ? patterns.findIndex((each) => each.test(line))
      : patterns[0]?.test(line)
      ? 0
      : -1;
    if (at >= 0) patterns.splice(at, 1);
    return at < 0;
  });
  expect({ unmatched, missing: patterns.map(String), output }).toEqual({
    unmatched: [],
    missing: [],
    output,
  });
}

const flags = process.versions.bun
  ? []
  : process.versions.deno
  ? ["run", "-q", "-P"]
  : ["--no-warnings"];

describe("examples/tutorial", () => {
  const all = chapters.flatMap((chapter) => shown(read("en", chapter)));
  for (const program of programs) {
    const path = `examples/tutorial/${program}`;
    it(`${program} has less than 60 lines, and a chapter`, () => {
      expect(readFileSync(join(root, path), "utf8").split("\n").length).toBeLessThan(60);
      expect(chapters.some((chapter) => read("en", chapter).includes(path))).toBe(true);
    });

    const alone = all.find(({ script }) => script.trim() === `bun ${path}`);
    if (alone?.output !== undefined) {
      it(`${program} prints on this runtime what its chapter shows`, () => {
        const options = { cwd: root, encoding: "utf8", timeout: 30_000 } as const;
        const { stdout, stderr, status } = spawnSync(executable, [...flags, path], options);
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        expectOutput(stdout, alone.output!, alone.script);
      });
    }
  }
});

describe("docs/tutorial", () => {
  it("has the same chapters and blocks in both languages", () => {
    expect(readdirSync(join(tutorial, "zh")).sort()).toEqual(chapters);
    for (const chapter of chapters) {
      expect(fencedBlocks(read("zh", chapter))).toEqual(fencedBlocks(read("en", chapter)));
      const links = (text: string) => [...text.matchAll(/\]\(([^)]+)\)/g)].map((found) => found[1]);
      expect(links(read("zh", chapter)).sort()).toEqual(links(read("en", chapter)).sort());
    }
  });

  it("has links that lead somewhere", () => {
    const index = readFileSync(join(tutorial, "README.md"), "utf8");
    const pages: [string, string][] = [
      [tutorial, index],
      ...chapters.flatMap((chapter) =>
        ["en", "zh"].map((language): [string, string] => [
          join(tutorial, language),
          read(language, chapter),
        ])
      ),
    ];
    for (const [folder, text] of pages) {
      for (const [, target] of text.matchAll(/\]\(([^)#]+)\)/g)) {
        readFileSync(join(folder, target!));
      }
    }
    for (const chapter of chapters) expect(index).toContain(`en/${chapter}`);
  });

  // The commands are the same on every runtime, and name bun: its suite runs them.
  const scripts = process.versions.bun
    ? chapters.flatMap((chapter) => shown(read("en", chapter)).map((block) => ({ chapter, block })))
    : [];
  if (scripts.length === 0) {
    console.log("not run: the tutorial's commands: the suite of Bun runs them");
  }
  for (const { chapter, block } of scripts) {
    it(`${chapter} shows a command that works: ${block.script.trim().replaceAll("\n", "; ")}`, async () => {
      const { code, output } = await runBlock(block.script);
      expect(`${code} ${output}`).toMatch(/^0 /);
      if (block.output !== undefined) expectOutput(output, block.output, block.script);
      if (block.script.includes("stress")) expect(output).toMatch(/verdict +(pass|invalid)/);
    });
  }
});
