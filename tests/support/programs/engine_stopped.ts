// An engine that watches its standard input, with a timer of a second: [engine's name]. The test stops the
// whole process meanwhile, for longer than that. Prints what was called, in order.
import { writeSync } from "node:fs";
import { createEngine, type EngineName } from "../../../lib/engine/mod.ts";

const engine = createEngine({ engine: process.argv[2] as EngineName });
const calls: string[] = [];
const watch = engine.watch(0, () => {
  watch.close();
  calls.push("input");
});
engine.after(1000, () => calls.push("timer"));
writeSync(1, "waiting\n");
while (!calls.includes("timer")) engine.turn();
writeSync(1, `${calls.join(" ")}\n`);
process.exit(0);
