// The matrix of docs/client.md: what it says of iomux, and what other netcats do on the same rows. With
// IOMUX_TEST_UPDATE=1 the list is written anew.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../support/cli.ts";
import { itUnless } from "../../support/systems.ts";
import { hasOptions, OTHERS, outcome, ROWS } from "./cells.ts";

const file = join(root, "docs", "client.md");

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

const LIST = /^- stdin ends; the peer answers[^]*?(?=\n\n)/m;
const NO_OPTION = "has no such option";

/** What the document says of each program, by the name of the row. */
function documented(): Map<string, Record<string, string>> {
  const [list = ""] = LIST.exec(readFileSync(file, "utf8")) ?? [];
  return new Map(
    list.replace(/\n +(?![- ])/g, " ").slice("- ".length).split("\n- ").map((row) => {
      const [name = "", ...outcomes] = row.split("\n  - ");
      const said = outcomes.flatMap((line) => {
        const [programs = "", words = ""] = line.split(/: (.*)/);
        return programs.split(", ").map((
          program,
        ) => [program.replace("iomux client", "iomux"), words]);
      });
      return [name, Object.fromEntries(said)];
    }),
  );
}

async function others(
  row: (typeof ROWS)[number],
): Promise<Record<(typeof OTHERS)[number], string>> {
  const words = await Promise.all(OTHERS.map(async (program) => {
    if (!hasOptions(program, row)) return NO_OPTION;
    return missing(program) === undefined ? (await outcome(program, row, undefined)).words : "?";
  }));
  return { nc: words[0]!, ncat: words[1]!, socat: words[2]! };
}

/** The rows as a list: programs that do the same stand together. */
async function write(): Promise<void> {
  const lines: string[] = [];
  for (const row of ROWS) {
    const said = Object.entries({ "iomux client": row.expected, ...await others(row) });
    lines.push(`- ${row.name}`);
    for (const outcome of new Set(said.map(([, words]) => words))) {
      const programs = said.filter(([, words]) => words === outcome).map(([program]) => program);
      lines.push(`  - ${programs.join(", ")}: ${outcome}`);
    }
  }
  writeFileSync(file, readFileSync(file, "utf8").replace(LIST, () => lines.join("\n")));
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
            const expected = said.get(row.name)![program];
            const { words } = await outcome(program, row, expected);
            expect([row.name, words]).toEqual([row.name, expected]);
          }),
        );
      }
    });
  });
}
