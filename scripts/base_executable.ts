// Prints the path of the Bun executable that a target's binary is built upon:
//   bun scripts/base_executable.ts TARGET VERSION
// `bun build --target` would download it by itself, but from one fixed registry, whatever npm is
// configured to use, and without checking it. npm does both, and the lock file is checked on top.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { locked, lockedFile } from "./locked_file.ts";

function baseExecutable(target: string, version: string): string {
  const suffix = target.startsWith("windows-") ? ".exe" : "";
  const name = `@oven/bun-${target.replace("arm64", "aarch64")}`;
  const own = process.env.BUN_BASE_DIR;
  if (own) {
    const path = join(own, `bun-${target}${suffix}`);
    if (!existsSync(path)) throw new Error(`BUN_BASE_DIR has no bun-${target}${suffix}`);
    return path;
  }
  if (locked(name).version !== version) {
    throw new Error(`${name}@${version} is not in toolchain/package-lock.json`);
  }
  return lockedFile(name, `bin/bun${suffix}`);
}

const [target, version] = process.argv.slice(2);
if (!target || !version) {
  console.error("usage: base_executable.ts TARGET VERSION");
  process.exit(2);
}
try {
  console.log(baseExecutable(target, version));
} catch (error) {
  console.error(`base_executable: ${(error as Error).message}`);
  process.exit(1);
}
