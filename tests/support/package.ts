// `npm pack` and a scratch project with what came of it, none of which may need the network.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { root } from "./cli.ts";
import { TempDir } from "./files.ts";

const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The file that `npm pack` makes. */
export const TARBALL = `${name}-${version}.tgz`;

/** All that the package is made from; a file that is missing here must not be needed. */
const SOURCES = [
  ...["package.json", "README.md", "README.zh-CN.md", "LICENSE", "CHANGELOG.md"],
  ...["main.ts", "lib"],
  ...["scripts/package.mjs", "scripts/npm"],
];

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, without a network and without anything of the npm that runs this test. */
export function attempt(command: string, args: string[], cwd: string, env = {}): Ended {
  // The outer npm's settings are not for the inner one, which has to start from nothing.
  const inherited = Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key));
  const done = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: 150_000,
    env: {
      ...Object.fromEntries(inherited),
      npm_config_cache: join(cwd, ".npm-cache"), // empty: whatever is not here must be fetched
      npm_config_offline: "true", // and what must be fetched is an error
      npm_config_audit: "false",
      npm_config_fund: "false",
      npm_config_update_notifier: "false",
      ...env,
    },
  });
  if (done.error) throw new Error(`Cannot run ${command}: ${done.error.message}`);
  return { status: done.status, stdout: done.stdout, stderr: done.stderr };
}

/** The same; throws with all it said when it fails. */
export function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = attempt(command, args, cwd);
  if (status === 0) return stdout + stderr;
  const line = [command, ...args.slice(0, 3)].join(" ");
  throw new Error(`${line}: exit status ${status}\n${stdout}${stderr}`);
}

/** Packs a copy of the checkout, which takes the place of its package.json for a moment. */
export function pack(into: string): string {
  using copy = new TempDir();
  mkdirSync(copy.file("scripts"));
  for (const path of SOURCES) cpSync(join(root, path), copy.file(path), { recursive: true });
  for (const folder of ["node_modules", "toolchain"]) {
    symlinkSync(join(root, folder), copy.file(folder), "junction");
  }
  const before = readFileSync(copy.file("package.json"), "utf8");
  run("npm", ["pack", "--pack-destination", into], copy.path);
  if (readFileSync(copy.file("package.json"), "utf8") !== before) {
    throw new Error("npm pack has left another package.json in the checkout");
  }
  return join(into, TARBALL);
}

/** Makes `folder` a project whose one dependency is the packed tarball, by npm itself; what npm says. */
export function installInto(folder: string, tarball: string): string {
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "scratch", private: true, type: "module" }),
  );
  return run("npm", ["install", tarball], folder);
}

/** The files below a folder, by their paths from there. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.replaceAll("\\", "/"))
    .sort();

/** A Node that cannot call the system, from wherever PATH leads. */
export function oldNode(): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, "node");
    if (!existsSync(path)) continue;
    const said = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "";
    if (Number(/^v(\d+)/.exec(said)?.[1] ?? 99) < 26) return path;
  }
  return undefined;
}
