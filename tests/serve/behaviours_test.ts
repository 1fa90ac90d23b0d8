// The list of behaviours in docs/serve.md: all of them are there, and the tests that it names exist.
import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/cli.ts";

const rows = [
  ...readFileSync(join(root, "docs/serve.md"), "utf8").matchAll(
    /^(\d+)\. [^]*?Tests:\s([^]*?)(?=\n(?:\d+\.|$))/gm,
  ),
];

describe("docs/serve.md", () => {
  it("has the seventeen behaviours", () => {
    expect(rows.map(([, number]) => Number(number)))
      .toEqual(Array.from({ length: 17 }, (_, i) => i + 1));
  });

  for (const [, number, tests] of rows) {
    it(`behaviour ${number}: its tests exist`, () => {
      const files = [...tests!.matchAll(/`([a-z_/]+\.ts)`/g)].map(([, file]) => file!);
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        expect(`${file} ${existsSync(join(root, "tests", file))}`).toBe(`${file} true`);
      }
    });
  }
});
