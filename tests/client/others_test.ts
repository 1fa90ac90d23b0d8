// The matrix of docs/client.md: what it says of iomux, and what other netcats do on the same rows. With
// IOMUX_TEST_UPDATE=1 the table is written anew.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/cli.ts";
import { itUnless } from "../support/systems.ts";
import { hasOptions, OTHERS, outcome, type Program, ROWS } from "./matrix.ts";

const file = join(root, "docs", "client.md");
const HEAD = "| what happens | iomux client | nc | ncat | socat |";

/** The versions that the document is about, in their own words. */
const VERSIONS: Record<(typeof OTHERS)[number], [args: string[], version: RegExp]> = {
  nc: [["-h"], /Debian patchlevel 1\.219/],
  ncat: [["--version"], /Version 7\.93/],
  socat: [["-V"], /socat version 1\.7\.4\.4/],
};

/** Why a program can't be compared with the document. */
function missing(program: keyof typeof VERSIONS): string | undefined {
  const [args, version] = VERSIONS[program];
  const { stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error) return `there is no ${program} here`;
  return version.test(stdout + stderr) ? undefined : `docs/client.md is about another ${program}`;
}

const TABLE = /^\| what happens[^]*?(?=\n\n)/m;

/** The rows of the table in the document, by name. */
function documented(): Map<string, Record<Program, string>> {
  const [table = ""] = TABLE.exec(readFileSync(file, "utf8")) ?? [];
  return new Map(
    table.split("\n").slice(2).map((line) => {
      const [name = "", iomux = "", nc = "", ncat = "", socat = ""] = line.split("|").slice(1)
        .map((cell) => cell.trim());
      return [name, { iomux, nc, ncat, socat }];
    }),
  );
}

async function others(
  row: (typeof ROWS)[number],
): Promise<Record<(typeof OTHERS)[number], string>> {
  const words = await Promise.all(OTHERS.map(async (program) => {
    if (!hasOptions(program, row)) return "–";
    return missing(program) === undefined ? (await outcome(program, row)).words : "?";
  }));
  return { nc: words[0]!, ncat: words[1]!, socat: words[2]! };
}

async function write(): Promise<void> {
  const lines = [];
  for (const row of ROWS) {
    const { nc, ncat, socat } = await others(row);
    lines.push(`| ${[row.name, row.expected, nc, ncat, socat].join(" | ")} |`);
  }
  const text = readFileSync(file, "utf8");
  const table = [HEAD, "| --- | --- | --- | --- | --- |", ...lines].join("\n");
  writeFileSync(file, text.replace(TABLE, () => table));
}

describe("docs/client.md", () => {
  if (process.env.IOMUX_TEST_UPDATE) it("is written anew", write);

  it("says of iomux client what the matrix expects", () => {
    const rows = documented();
    expect([...rows.keys()]).toEqual(ROWS.map(({ name }) => name));
    expect(ROWS.map(({ name }) => rows.get(name)!.iomux)).toEqual(
      ROWS.map(({ expected }) => expected),
    );
  });
});

/** Rows at the same time: most of each is waiting. */
const TOGETHER = 5;

for (const program of OTHERS) {
  describe("docs/client.md", () => {
    itUnless(missing(program), `is right about ${program}`, async () => {
      const said = documented();
      const rows = ROWS.filter((row) => hasOptions(program, row));
      for (let first = 0; first < rows.length; first += TOGETHER) {
        await Promise.all(
          rows.slice(first, first + TOGETHER).map(async (row) => {
            const { words } = await outcome(program, row);
            expect([row.name, words]).toEqual([row.name, said.get(row.name)![program]]);
          }),
        );
      }
    });
  });
}
