// A file out of a package of toolchain/package-lock.json, for any system: prints its path.
//   bun scripts/locked_file.ts PACKAGE FILE
// npm installs the packages of its own system only; the others are fetched when they are wanted, from
// wherever npm is configured to, and checked against the lock file.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const toolchain = fileURLToPath(new URL("../toolchain/", import.meta.url));
const cache = join(toolchain, "node_modules", ".bases");

/** What the lock file has of a package. */
export function locked(name: string): { version: string; integrity: string } {
  const lock = JSON.parse(readFileSync(join(toolchain, "package-lock.json"), "utf8"));
  const entry = lock.packages[`node_modules/${name}`];
  if (!entry) throw new Error(`${name} is not in toolchain/package-lock.json`);
  return entry;
}

/** Downloads a package into the cache and returns the path that `file` of it got there. */
function download(name: string, file: string, path: string): string {
  const { version, integrity } = locked(name);
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
    if (`sha512-${digest.digest("base64")}` !== integrity) {
      throw new Error(`${name}@${version} differs from toolchain/package-lock.json`);
    }
    execFileSync("tar", ["-xzf", tarball, `package/${file}`], { cwd: scratch });
    chmodSync(join(scratch, "package", file), 0o755);
    renameSync(join(scratch, "package", file), path);
    return path;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The path of a package's file: where npm installed it, or in the cache, downloaded if need be. */
export function lockedFile(name: string, file: string): string {
  const installed = join(toolchain, "node_modules", name, file);
  const flat = [name, locked(name).version, file].join("-").replaceAll("/", "-");
  const cached = join(cache, flat);
  return [installed, cached].find(existsSync) ?? download(name, file, cached);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, file] = process.argv.slice(2);
  if (!name || !file) {
    console.error("usage: locked_file.ts PACKAGE FILE");
    process.exit(2);
  }
  try {
    console.log(lockedFile(name, file));
  } catch (error) {
    console.error(`locked_file: ${(error as Error).message}`);
    process.exit(1);
  }
}
