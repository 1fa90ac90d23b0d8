// The compiled program for this machine, built again when a source is newer.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const SOURCES = ["main.ts", "lib", "package.json", "package-lock.json", "compile.sh"];

function newest(path: string): number {
  const own = statSync(path);
  if (!own.isDirectory()) return own.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** The path of dist/iomux, as new as its sources; throws with what compile.sh said when it fails. */
export function builtProgram(root: string): string {
  const built = join(root, "dist", process.platform === "win32" ? "iomux.exe" : "iomux");
  const sources = SOURCES.map((name) => join(root, name));
  if (existsSync(built) && statSync(built).mtimeMs >= Math.max(...sources.map(newest))) {
    return built;
  }
  const done = spawnSync("sh", ["compile.sh", "host"], { cwd: root, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`compile.sh failed: ${done.stdout}${done.stderr}`);
  return built;
}
