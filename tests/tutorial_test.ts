// The tutorial: its programs, the outputs that it shows, and its two languages against each other.
import { beforeAll, describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { engineMissing } from "../lib/engine/mod.ts";
import { root } from "./support/cli.ts";
import { executable, runFlags } from "./support/runtime.ts";
import { itUnless } from "./support/systems.ts";
import {
  type Block,
  briefly,
  fencedBlocks,
  type Outcome,
  runBlock,
} from "./support/shell_blocks.ts";

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

/**
 * "…" stands for anything within a line. Lines of several processes may change places, and how often a
 * loop turns depends on the machine: then each line must be one that is shown, and each shown must come.
 */
function expectOutput(output: string, wanted: string, script: string): void {
  const linesOf = (text: string) => text.trimEnd().split("\n");
  const patterns = linesOf(wanted).map((line) =>
    new RegExp(`^${line.split("…").map((part) => RegExp.escape(part)).join(".+")}$`)
  );
  const lines = linesOf(output);
  const inOrder = !script.includes("&\n");
  const isShown = (line: string, i: number) =>
    inOrder ? !!patterns[i]?.test(line) : patterns.some((pattern) => pattern.test(line));
  const comes = (pattern: RegExp, i: number) =>
    inOrder ? pattern.test(lines[i] ?? "") : lines.some((line) => pattern.test(line));
  const unexpected = lines.filter((line, i) => !isShown(line, i));
  const missing = patterns.filter((pattern, i) => !comes(pattern, i)).map(String);
  expect({ unexpected, missing, output }).toEqual({ unexpected: [], missing: [], output });
}

describe("examples/tutorial", () => {
  const all = chapters.flatMap((chapter) => shown(read("en", chapter)));
  for (const program of programs) {
    const path = `examples/tutorial/${program}`;
    it(`${program} has less than 60 lines, and a chapter`, () => {
      expect(readFileSync(join(root, path), "utf8").split("\n").length).toBeLessThan(60);
      expect(chapters.some((chapter) => read("en", chapter).includes(path))).toBe(true);
    });

    const alone = all.find(({ script }) => script.trim() === `bun ${path}`);
    // On Bun the chapter's own command shows it.
    if (alone?.output !== undefined && !process.versions.bun) {
      it(`${program} prints on this runtime what its chapter shows`, () => {
        const options = { cwd: root, encoding: "utf8", timeout: 30_000 } as const;
        const { stdout, stderr, status } = spawnSync(executable, [...runFlags, path], options);
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

  // Those with a program of the tutorial run on every runtime; the others are about iomux.
  const commands = chapters
    .flatMap((chapter) => shown(read("en", chapter)).map((block) => ({ chapter, ...block })))
    .filter(({ script }) => process.versions.bun || /^bun \S+ \d/m.test(script));
  const outcomes = commands.map(() => Promise.withResolvers<Outcome>());
  // Three at a time: most of their time is waiting.
  beforeAll(() => {
    let next = 0;
    const lane = async () => {
      for (let i = next++; i < commands.length; i = next++) {
        const { script, output } = commands[i]!;
        outcomes[i]!.resolve(await runBlock(output === undefined ? briefly(script) : script));
      }
    };
    for (let lanes = 0; lanes < 3; lanes++) void lane();
  });
  for (const [i, { chapter, script, output: wanted }] of commands.entries()) {
    const missing = script.includes("--engine uring") ? engineMissing("uring") : undefined;
    itUnless(
      missing,
      `${chapter} shows a command that works: ${script.trim().replaceAll("\n", "; ")}`,
      async () => {
        const { code, output } = await outcomes[i]!.promise;
        expect(`${code} ${output}`).toMatch(/^0 /);
        if (wanted !== undefined) expectOutput(output, wanted, script);
        if (script.includes("stress")) expect(output).toMatch(/verdict +(pass|invalid)/);
      },
    );
  }
});
