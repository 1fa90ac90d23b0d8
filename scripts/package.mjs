// Builds what `npm pack` packs: the library as JavaScript with declarations, in dist/package.
// Node refuses to strip types below node_modules, so a package cannot hold the sources themselves.
// Plain JavaScript, because it must run on the Node that a machine already has.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "dist", "package");

rmSync(out, { recursive: true, force: true }); // no file of an earlier version
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const args = [tsc, "-p", join(root, "scripts", "package.tsconfig.json")];
const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", 2, 2] });
if (status !== 0) process.exit(1);

// tsc names .js files in the JavaScript but leaves the .ts of imports in declarations: it can find
// its way from there, Deno cannot.
for (const file of readdirSync(out, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".d.ts")) continue;
  const path = join(out, file);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace(/((?:from |import\()"\.[^"\n]*)\.ts"/g, '$1.js"'));
}
