// Prints the path of the Bun executable that a target's binary is built upon:
//   bun scripts/base_executable.ts TARGET VERSION
// `bun build --target` would download it by itself, but from one fixed registry, whatever npm is
// configured to use, and without checking it. npm does both, and the lock file is checked on top.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const toolchain = fileURLToPath(new URL("../toolchain/", import.meta.url));
const cache = join(toolchain, "node_modules", ".bases");

function lockedIntegrity(name: string, version: string): string {
  const lock = JSON.parse(readFileSync(join(toolchain, "package-lock.json"), "utf8"));
  const entry = lock.packages[`node_modules/${name}`];
  if (entry?.version !== version) {
    throw new Error(`${name}@${version} is not in toolchain/package-lock.json`);
  }
  return entry.integrity;
}

/** Downloads a package into the cache and returns the path that `file` of it got there. */
function download(name: string, version: string, file: string, path: string): string {
  mkdirSync(cache, { recursive: true });
  // In the cache folder itself, so that the rename below stays in one file system.
  const scratch = mkdtempSync(join(cache, "download-"));
  try {
    const pack = ["pack", "--silent", "--pack-destination", scratch, `${name}@${version}`];
    const windows = process.platform === "win32";
    const npm = spawnSync("npm", pack, {
      cwd: toolchain,
      stdio: ["ignore", "ignore", 2],
      shell: windows,
    });
    if (npm.status !== 0) throw new Error(`npm cannot fetch ${name}@${version}`);
    const tarball = readdirSync(scratch).find((entry) => entry.endsWith(".tgz"));
    if (!tarball) throw new Error(`npm pack ${name}@${version} left no file`);
    const digest = createHash("sha512").update(readFileSync(join(scratch, tarball)));
    if (`sha512-${digest.digest("base64")}` !== lockedIntegrity(name, version)) {
      throw new Error(`${name}@${version} differs from toolchain/package-lock.json`);
    }
    execFileSync("tar", ["-xzf", tarball, `package/bin/${file}`], { cwd: scratch });
    chmodSync(join(scratch, "package", "bin", file), 0o755);
    renameSync(join(scratch, "package", "bin", file), path);
    return path;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function baseExecutable(target: string, version: string): string {
  const suffix = target.startsWith("windows-") ? ".exe" : "";
  const name = `@oven/bun-${target.replace("arm64", "aarch64")}`;
  const own = process.env.BUN_BASE_DIR;
  if (own) {
    const path = join(own, `bun-${target}${suffix}`);
    if (!existsSync(path)) throw new Error(`BUN_BASE_DIR has no bun-${target}${suffix}`);
    return path;
  }
  const installed = join(toolchain, "node_modules", name, "bin", `bun${suffix}`);
  const cached = join(cache, `bun-${target}-${version}${suffix}`);
  const found = [installed, cached].find(existsSync);
  return found ?? download(name, version, `bun${suffix}`, cached);
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
