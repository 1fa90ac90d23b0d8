// README.md and its Chinese version say the same, as far as commands, headings and links show it.
import { expect, it } from "bun:test";
import { readFileSync } from "node:fs";
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
