// Wall time of `dist/iomux --version` against a program compiled the same way that does nothing.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Context } from "../support/context.ts";
import { whyMissing } from "../support/entries.ts";
import { root, run } from "../support/process.ts";
import { median, type Report, spread, table } from "../support/report.ts";

const times = 20;
const flags = ["--minify", "--bytecode", "--format=esm"];
const noConfig = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];

/** Runs the section. */
export async function startup({ built, progress }: Context): Promise<Report> {
  const missing = whyMissing(["bun"]) ?? whyMissing(["dist/iomux"]);
  if (missing !== null) throw new Error(missing);
  const [source, empty] = [join(built.dir, "empty.ts"), join(built.dir, "empty")];
  writeFileSync(source, "export {};\n");
  const outputs = ["--outfile", empty, source];
  await run(["bun", "build", "--compile", ...flags, ...noConfig, ...outputs], 60);

  const programs = {
    "dist/iomux --version": ["dist/iomux", "--version"],
    "empty program": [empty],
  };
  const results = new Map(Object.keys(programs).map((name) => [name, [] as number[]]));
  for (let round = -1; round < times; round++) { // the first, which reads the files, is not counted
    for (const [name, command] of Object.entries(programs)) {
      const ms = timed(command as [string, ...string[]]);
      if (round >= 0) results.get(name)!.push(ms);
    }
  }
  progress(`startup: ${times} starts of each`);
  const data = [...results].map(([name, all]) => ({ name, ms: median(all), all }));
  const lines = [
    `startup: ${times} starts of each, one after the other`,
    table(["program", "wall ms (range)"], data.map((d) => [d.name, spread(d.all, 1)])),
    `iomux: ${(data[0]!.ms - data[1]!.ms).toFixed(1)} ms more than the empty program`,
  ];
  return { text: lines.join("\n"), data };
}

function timed([file, ...args]: [string, ...string[]]): number {
  const from = performance.now();
  const result = spawnSync(file, args, { cwd: root, stdio: "ignore", timeout: 10_000 });
  const ms = performance.now() - from;
  if (result.status !== 0) throw new Error(`${file} ended with ${result.signal ?? result.status}`);
  return ms;
}
