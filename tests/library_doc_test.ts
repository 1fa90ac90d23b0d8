// Every program of docs/library.md, on the runtime that runs this.
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support/cli.ts";
import { runExamples, writeExample } from "./support/doc_examples.ts";
import { TempDir } from "./support/files.ts";
import { fencedBlocks } from "./support/shell_blocks.ts";

const document = readFileSync(join(root, "docs", "library.md"), "utf8");
const programs = document.split("\n## ").slice(1).flatMap((section) => {
  const title = section.slice(0, section.indexOf("\n"));
  return fencedBlocks(section).filter(({ lang }) => lang === "ts")
    .map(({ text }) => ({ title, text }));
});

describe("docs/library.md", () => {
  it("has a program for each task", () => {
    expect(programs.length).toBeGreaterThan(8);
    for (const { text } of programs) expect(text).toContain("console.log(");
  });

  for (const { title, text } of programs) {
    it(`${title}: the program prints what it says`, async () => {
      using temp = new TempDir();
      const example = writeExample(temp.file("library"), "program", text);
      expect((await runExamples([example])).get("program")).toBe(undefined);
    });
  }
});
