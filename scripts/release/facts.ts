// What is told of the program wherever it is packed, and where the files of a release lie.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const NAME = "iomux";
export const SUMMARY = "TCP server, netcat and load generator that checks every byte";
export const DESCRIPTION =
  "iomux serve is a TCP server that keeps its promises under load, iomux client a " +
  "netcat whose behaviour at end of file is written down, iomux stress a load generator with an " +
  "honest schedule.";
export const LICENSE = "MIT";
export const MAINTAINER = "the iomux contributors <iomux@localhost>";

/** The platforms that compile.sh builds for. */
export const TARGETS = [
  ...["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl"],
  ...["darwin-arm64", "darwin-x64", "windows-x64", "windows-arm64"],
];

/** A release under way. */
export interface Release {
  readonly version: string;
  /** A copy of the checkout with that version. */
  readonly stage: string;
  /** Where its files go. */
  readonly out: string;
  /** Where those will be downloaded from. */
  readonly url: string;
  readonly targets: readonly string[];
  /** How much archives are compressed: from 1, the fastest, to 9. */
  readonly level: number;
}

/** The path of a compiled program. */
export const binaryOf = ({ stage }: Release, target: string): string =>
  join(stage, "dist", `${NAME}-${target}${target.startsWith("windows") ? ".exe" : ""}`);

/** The file name of a platform's archive. */
export const archiveOf = ({ version }: Release, target: string): string =>
  `${NAME}-${version}-${target}.${target.startsWith("windows") ? "zip" : "tar.gz"}`;

export const sha256 = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");

/** Runs a command to its end; its stdout. Throws with all it said when it fails. */
export function run(command: string, args: string[], cwd: string): string {
  const inherited = Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key));
  const env = Object.fromEntries(inherited);
  const done = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 1 << 26 });
  if (done.status === 0) return done.stdout;
  const why = done.error?.message ?? `exit status ${done.status}\n${done.stdout}${done.stderr}`;
  throw new Error(`${[command, ...args].join(" ")}: ${why}`);
}

/** Whether a command can be started. */
export const isHere = (command: string): boolean =>
  spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined;
