// Documents can be read in a window of 80 columns, and name files that exist.
import { expect, it } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { widthOf } from "../lib/text/layout.ts";
import { root } from "./support/cli.ts";

const COLUMNS = 80;
const documents = globSync("{*.md,{bench,docs,scripts}/**/*.md}", { cwd: root }).sort();

/** What can't be wrapped: a link, a picture or a path alone on its line. */
const unbreakable = (line: string): boolean =>
  !/\S\s+\S/.test(line.replace(/!?\[[^\]]*\]\(.*?\)/, "X"));

/** The lines that are wider than a window. */
const wide = (text: string): string[] =>
  text.split("\n").flatMap((line, i) =>
    widthOf(line) > COLUMNS && !unbreakable(line) ? [`${i + 1}: ${line}`] : []
  );

it("finds the documents", () => {
  for (const name of ["README.zh-CN.md", "docs/serve.md", "docs/tutorial/zh/12-measuring.md"]) {
    expect(documents).toContain(name);
  }
});

for (const document of documents) {
  it(`${document} fits into ${COLUMNS} columns`, () => {
    expect(wide(readFileSync(join(root, document), "utf8"))).toEqual([]);
  });
}

it("a line of 81 columns is found, one of 80, a link is not", () => {
  expect(wide(`${"a ".repeat(40)}b\n${"字".repeat(40)}\n字 ${"字".repeat(39)}`)).toEqual([
    `1: ${"a ".repeat(40)}b`,
    `3: 字 ${"字".repeat(39)}`,
  ]);
  expect(wide(`[${"a".repeat(30)}](${"b".repeat(60)})`)).toEqual([]);
});

/** Files of this project that a document names as code; of other projects docs/kqueue.md has some. */
const FILES = /`((?:[\w-]+\/)*[\w-]+\.(?:ts|mjs|sh))`/g;

const files = globSync(
  "{*,{bench,examples,lib,scripts,tests,toolchain,.ci}/**/*}.{ts,mjs,sh}",
  {
    cwd: root,
    exclude: ["**/node_modules/**"],
  },
);

for (const document of documents.filter((name) => name !== "CHANGELOG.md")) {
  it(`${document} names files that exist`, () => {
    const named = readFileSync(join(root, document), "utf8").matchAll(FILES);
    const missing = [...named].map(([, name]) => name!)
      .filter((name) => !files.some((file) => file === name || file.endsWith(`/${name}`)));
    expect(missing).toEqual([]);
  });
}
