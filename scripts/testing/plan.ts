// Which test files there are, and which runtimes run each of them.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What differs between runtimes, and so runs on all of them: everything that calls the system, examples
 * and programs on the library, the package, and one short run of each command. All else is plain
 * computation, or is about the program, and runs once, on Bun, which is the binary's runtime.
 */
const EVERYWHERE = [
  ...["tests/sys/", "tests/selectors/", "tests/net/", "tests/engine/", "tests/tls/"],
  ...["tests/smoke_test.ts", "tests/examples_test.ts", "tests/tutorial_test.ts"],
];

/** A test that starts the program, wherever it stands; but for the short runs. */
const aboutProgram = (root: string, file: string): boolean =>
  file !== "tests/smoke_test.ts" &&
  /\b(?:spawnCli|startServe|cliCommand)\b/.test(readFileSync(join(root, file), "utf8"));

export const RUNTIMES = ["bun", "deno", "node"];

/** A test file on a runtime; or a check, which is one command. */
export interface Job {
  /** "check" for a command. */
  readonly runtime: string;
  /** The path of the test file, or the name of the check. */
  readonly file: string;
  readonly command?: string[];
}

/** The test files below tests/, by their paths from `root`. */
export const testFiles = (root: string): string[] =>
  globSync("tests/**/*_test.ts", { cwd: root }).map((path) => path.replaceAll("\\", "/")).sort();

/** What only CI runs, by its name: it builds for other platforms, and installs what it has built. */
const BY_NAME = ["tests/release/"];

/** Every file on each of its runtimes. */
export const wholeSuite = (root: string): Job[] =>
  testFiles(root).filter((file) => !BY_NAME.some((path) => file.startsWith(path))).flatMap(
    (file) => {
      const everywhere = EVERYWHERE.some((path) => file.startsWith(path)) &&
        !aboutProgram(root, file);
      return (everywhere ? RUNTIMES : ["bun"]).map((runtime) => ({ runtime, file }));
    },
  );

/** A path as the shell completes it: `./tests/net/`. */
const clean = (pattern: string): string => pattern.replaceAll("\\", "/").replace(/^\.\//, "");

/** The files whose path contains any of the patterns, all on these runtimes. */
export const matching = (root: string, patterns: string[], runtimes = ["bun"]): Job[] =>
  testFiles(root).filter((file) => patterns.some((pattern) => file.includes(clean(pattern))))
    .flatMap((file) => runtimes.map((runtime) => ({ runtime, file })));

/** The command line that runs one file and leaves its report at `junit`. */
export function commandOf({ runtime, file }: Job, junit: string): string[] {
  switch (runtime) {
    case "bun":
      return [
        ...["bun", "test", "--timeout", "60000"],
        ...["--reporter=junit", `--reporter-outfile=${junit}`, `./${file}`],
      ];
    case "deno":
      return ["deno", "test", "-P", "--no-check", `--junit-path=${junit}`, file];
    default: // not `--test`, which would start one more process for the file
      return [
        ...["node", "--no-warnings", "--import", "./tests/support/node_hooks.mjs"],
        ...["--test-reporter=junit", `--test-reporter-destination=${junit}`, file],
      ];
  }
}

/** Where the seconds that each job took last are kept, so that the longest can start first. */
export const timesFile = (root: string): string =>
  join(root, "node_modules/.cache/test-seconds.json");
