// A kernel that lacks or forbids a call of io_uring: [number, errno]. Prints as JSON what became of it.
import { writeSync } from "node:fs";
import { forbid } from "../seccomp.ts";

if (!forbid(Number(process.argv[2]), Number(process.argv[3]))) {
  writeSync(1, `${JSON.stringify({ refused: true })}\n`);
  process.exit(0);
}
const { createEngine, engineMissing } = await import("../../../lib/engine/mod.ts");
const engine = createEngine({ engine: "auto" });
const descriptors = () => process.getBuiltinModule("node:fs").readdirSync("/proc/self/fd").length;
engineMissing("uring");
const before = descriptors();
for (let i = 0; i < 10; i++) engineMissing("uring");
const leaked = descriptors() - before;
writeSync(1, `${JSON.stringify({ auto: engine.kind, why: engineMissing("uring"), leaked })}\n`);
process.exit(0);
