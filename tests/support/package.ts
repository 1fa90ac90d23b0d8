// `npm pack` and a scratch project with what came of it, none of which may need the network.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./cli.ts";
import { TempDir } from "./files.ts";

const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The file that `npm pack` makes. */
export const TARBALL = `${name}-${version}.tgz`;

/** All that the package is made from; a file that is missing here must not be needed. */
const SOURCES = [
  ...["package.json", "README.md", "LICENSE", "CHANGELOG.md", "lib"],
  ...["scripts/package.mjs", "scripts/package.tsconfig.json"],
];

/** Runs a command to its end; throws with all it said when it fails or cannot be found. */
export function run(command: string, args: string[], cwd: string): string {
  // The outer npm's settings are not for the inner one, which has to start from nothing.
  const inherited = Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key));
  const done = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: 40_000,
    env: {
      ...Object.fromEntries(inherited),
      npm_config_cache: join(cwd, ".npm-cache"), // empty: whatever is not here must be fetched
      npm_config_offline: "true", // and what must be fetched is an error
      npm_config_audit: "false",
      npm_config_fund: "false",
      npm_config_update_notifier: "false",
    },
  });
  if (done.error) throw new Error(`Cannot run ${command}: ${done.error.message}`);
  if (done.status !== 0) {
    const how = done.signal ?? `exit status ${done.status}`;
    throw new Error(
      `${command} ${args.slice(0, 3).join(" ")}: ${how}\n${done.stdout}${done.stderr}`,
    );
  }
  return done.stdout + done.stderr;
}

/** Packs a copy of the checkout, so that two runs at a time don't meet in dist/package. */
export function pack(into: string): string {
  using copy = new TempDir();
  mkdirSync(copy.file("scripts"));
  for (const path of SOURCES) cpSync(join(root, path), copy.file(path), { recursive: true });
  for (const folder of ["node_modules", "toolchain"]) {
    symlinkSync(join(root, folder), copy.file(folder), "junction");
  }
  run("npm", ["pack", "--pack-destination", into], copy.path);
  return join(into, TARBALL);
}

/** Makes `folder` a project whose one dependency is the packed tarball, by npm itself. */
export function installInto(folder: string, tarball: string): void {
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "scratch", private: true, type: "module" }),
  );
  run("npm", ["install", tarball], folder);
}

/** The files below a folder, by their paths from there. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.replaceAll("\\", "/"))
    .sort();
