// What iomux answers to command lines that it refuses: one process for all of them, which must not start
// anything.
import { expect } from "bun:test";
import { spawnCli } from "./cli.ts";
import { TempDir } from "./files.ts";

export interface Usage {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What was said to each on stderr; fails unless each ended with exit code 2 and nothing on stdout. */
export async function refusals(usages: readonly Usage[]): Promise<string[]> {
  using empty = new TempDir();
  const stdin = JSON.stringify(usages.map(({ args, env = {} }) => ({ args, env })));
  await using cli = spawnCli([], { program: "usages.ts", stdin, cwd: empty.path });
  const { code } = await cli.exit;
  const codes = cli.stdout().split("\n").slice(0, -1);
  expect([code, usages.map(({ args }, i) => `${codes[i]} ${args.join(" ")}`)])
    .toEqual([0, usages.map(({ args }) => `2 ${args.join(" ")}`)]);
  return cli.stderr().split("\x1e").slice(0, -1);
}
