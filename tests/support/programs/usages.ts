// Command lines that iomux refuses, one after the other in one process: JSON on stdin, [{args, env}]. Exit
// codes go to stdout, a line each, and what is said to stderr, with a record separator after each.
import { readFileSync, writeSync } from "node:fs";
import { main } from "../../../lib/cli/program.ts";

const usages: { args: string[]; env: Record<string, string> }[] = JSON.parse(
  readFileSync(0, "utf8"),
);
for (const { args, env } of usages) {
  Object.assign(process.env, env);
  const code = await main(args, () => {
    throw new Error("a thread was started");
  });
  writeSync(1, `${code}\n`);
  writeSync(2, "\x1e");
  for (const name of Object.keys(env)) delete process.env[name];
}
process.exit(0);
