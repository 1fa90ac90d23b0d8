// README.md and its Chinese version say the same, as far as commands, headings and links show it.
import { expect, it } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support/cli.ts";
import { fencedBlocks } from "./support/shell_blocks.ts";

const read = (name: string) => readFileSync(join(root, name), "utf8");

it("README.md has at most 200 lines, and README.zh-CN.md its commands, headings and links", () => {
  const [english, chinese] = [read("README.md"), read("README.zh-CN.md")];
  expect(english.trimEnd().split("\n").length).toBeLessThanOrEqual(200);
  expect(fencedBlocks(chinese)).toEqual(fencedBlocks(english));
  const levels = (text: string) => [...text.matchAll(/^(#+) /gm)].map(([, marks]) => marks);
  expect(levels(chinese)).toEqual(levels(english));
  const links = (text: string) =>
    [...text.matchAll(/\]\(([^)]+)\)/g)].map((found) => found[1]!)
      .filter((link) => !link.startsWith("README")).sort();
  expect(links(chinese)).toEqual(links(english));
});

/** Where a line of prose ends within Chinese words, as far as a program can know: between two characters. */
function brokenWords(text: string): string[] {
  const lines = text.replaceAll(/^```[\s\S]*?^```$/gm, "").split("\n")
    .map((line) => line.trim().replaceAll(/[*_]/g, ""));
  return lines.filter((line, i) =>
    /\p{Script=Han}$/u.test(line) && /^\p{Script=Han}/u.test(lines[i + 1] ?? "")
  );
}

it("lines of Chinese end behind punctuation or at a space: as a space they are shown", () => {
  expect(brokenWords("一行\n二\n\n三，\n四 a\n**五**\n六")).toEqual(["一行", "五"]);
  const chinese = ["README.zh-CN.md", ...globSync("docs/tutorial/zh/*.md", { cwd: root })];
  expect(chinese.length).toBeGreaterThan(10);
  const broken = chinese.flatMap((name) =>
    brokenWords(read(name)).map((line) => `${name}: ${line}`)
  );
  expect(broken).toEqual([]);
});
