// Builds what a release consists of into dist/release: release.mjs VERSION [--url BASE] [--targets A,B] [--level 1-9]
// Plain JavaScript, because it must run on the Node that a machine already has.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const args = ["node", "--no-warnings", path("release/main.ts"), ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, [path("../toolchain/run.mjs"), ...args], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;
