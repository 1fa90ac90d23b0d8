// A kernel that lacks or forbids a call of io_uring: [number, errno]. Prints as JSON what became of it.
import { writeSync } from "node:fs";
import { forbid } from "../seccomp.ts";

if (!forbid(Number(process.argv[2]), Number(process.argv[3]))) {
  writeSync(1, `${JSON.stringify({ refused: true })}\n`);
  process.exit(0);
}
const { availableEngines, createEngine, engineMissing } = await import(
  "../../../lib/engine/mod.ts"
);
const engine = createEngine({ engine: "auto" });
const descriptors = () => process.getBuiltinModule("node:fs").readdirSync("/proc/self/fd").length;
engineMissing("uring");
const before = descriptors();
for (let i = 0; i < 10; i++) engineMissing("uring");
const leaked = descriptors() - before;
let why: string | undefined;
try {
  createEngine({ engine: "uring" });
} catch (error) {
  why = (error as Error).message;
}
const answer = { auto: engine.kind, why, leaked, engines: availableEngines() };
writeSync(1, `${JSON.stringify(answer)}\n`);
process.exit(0);
