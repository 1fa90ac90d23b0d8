// Which test files there are, and which runtimes run each of them.
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * What differs between runtimes, and so runs on all of them: everything that calls the system, examples
 * and programs on the library, the package, and one short run of each command. All else is plain
 * computation, or is about the program, and runs once, on Bun, which is the binary's runtime.
 */
const EVERYWHERE = [
  ...["tests/sys/", "tests/selectors/", "tests/net/", "tests/engine/", "tests/tls/"],
  ...["tests/smoke_test.ts", "tests/examples_test.ts", "tests/tutorial_test.ts"],
  "tests/library_doc_test.ts",
];

/** In those folders, but the same on every runtime: computation, models, and what the kernel alone decides. */
const ONCE = [
  ...[
    "sys/failing_calls",
    "sys/linux/ring_queues",
    "sys/windows/socket_array",
    "sys/windows/wsa_errors",
  ],
  ...["selectors/blocking_diff", "selectors/diff", "selectors/kqueue", "selectors/types"],
  ...["net/address", "net/cidr", "tls/records"],
  ...["engine/counters", "engine/forbidden", "engine/queue", "engine/timers"],
].map((name) => `tests/${name}_test.ts`);

/** A process of its own on Deno and Node: what is long, or is about the process that it runs in. */
const ALONE = [
  ...["selectors/selectors", "selectors/signals", "selectors/allocation", "selectors/precision"],
  ...["selectors/many", "engine/readiness", "engine/uring", "engine/hammer", "engine/limits"],
  ...["sys/errno", "tls/memory", "smoke", "examples", "tutorial"],
].map((name) => `tests/${name}_test.ts`);

/** What takes longest, for a machine that has not measured it yet. */
const LONGEST = [
  ...["docs", "client/matrix/others", "package", "tutorial"], // of IOMUX_TEST_FULL
  ...["selectors/selectors", "probe/probe", "stress/generator/pumps/", "selectors/blocking_diff"],
  ...[
    "serve/cut",
    "stress/generator/warm_up",
    "stress/run/known_servers",
    "client/matrix/",
    "cli/stress/rounds",
  ],
  ...["serve/handoff/", "serve/metrics/bounds", "stress/run/timeline", "serve/faults/cuts"],
  ...["serve/failing_calls", "engine/", "selectors/", "serve/slow_peers", "serve/faults/"],
  ...["stress/", "client/", "smoke", "serve/", "cli/stress/", "cli/"],
].map((name) => `tests/${name}`);

/** A test that starts the program, wherever it stands; but for the short runs. */
const aboutProgram = (root: string, file: string): boolean =>
  file !== "tests/smoke_test.ts" &&
  /\b(?:spawnCli|startServe|cliCommand)\b/.test(readFileSync(join(root, file), "utf8"));

export const RUNTIMES = ["bun", "deno", "node"];

/** A test file on a runtime, or several in one process; or a check, which is one command. */
export interface Job {
  /** "check" for a command. */
  readonly runtime: string;
  /** The path of the test file, or the name of the check or of the several. */
  readonly file: string;
  /** The paths of several. */
  readonly files?: string[];
  /** What IOMUX_TEST_ENGINE says. */
  readonly engine?: string;
  readonly command?: string[];
}

/** What a job is called, its runtime aside. */
export const nameOf = ({ file, engine }: Job): string => engine ? `${file} on ${engine}` : file;

/** The test files below tests/, by their paths from `root`. */
export const testFiles = (root: string): string[] =>
  globSync("tests/**/*_test.ts", { cwd: root }).map((path) => path.replaceAll("\\", "/")).sort();

/** What only CI runs, by its name: it builds for other platforms, and installs what it has built. */
const BY_NAME = ["tests/release/"];
/** What takes long and what few changes break: in CI with every change, here by its name. */
const FULL = [
  ...["package", "docs", "tutorial", "client/matrix/others", "kubernetes", "systemd", "workflow"],
].map((name) => `tests/${name}_test.ts`);

/** What depends most on the engine that waits: CI runs it over io_uring as well. */
const ON_URING = [
  ...["cut", "descriptors", "drain", "echo", "limits", "lingering", "slow_peers", "timeouts"],
  ...["handoff/ends", "handoff/handoff", "handoff/returns"],
].map((name) => `tests/serve/${name}_test.ts`).concat(
  ["run/ends", "generator/connections/failures", "generator/kept_open", "generator/stopped"]
    .map((name) => `tests/stress/${name}_test.ts`),
  ["serve", "stress"].map((name) => `tests/tls/${name}_test.ts`),
);

/** All files that are named here. */
export const NAMED: readonly string[] = [...ONCE, ...ALONE, ...FULL, ...ON_URING];

/**
 * Every file on each of its runtimes. Deno and Node take longer to start than most files take to run, so
 * that they have those of a folder in one process.
 */
export function wholeSuite(root: string): Job[] {
  const full = Boolean(process.env.IOMUX_TEST_FULL);
  const files = testFiles(root).filter((file) =>
    !BY_NAME.some((path) => file.startsWith(path)) && (full || !FULL.includes(file))
  );
  const others = files.filter((file) =>
    EVERYWHERE.some((path) => file.startsWith(path)) && !ONCE.includes(file) &&
    !aboutProgram(root, file)
  );
  const alone = others.filter((file) => ALONE.includes(file));
  const together = Object.entries(
    Object.groupBy(others.filter((file) => !ALONE.includes(file)), (file) => dirname(file)),
  ).map(([folder, files]) => ({ file: `${folder}/ (${files!.length} files)`, files: files! }));
  return [
    ...files.map((file) => ({ runtime: "bun", file })),
    ...(full ? ON_URING : []).map((file) => ({ runtime: "bun", file, engine: "uring" })),
    ...["deno", "node"].flatMap((runtime) => [
      ...alone.map((file) => ({ runtime, file })),
      ...together.map((several) => ({ runtime, ...several })),
    ]),
  ];
}

/** How long a job may take, in seconds, where nobody knows. */
export function guess({ file }: Job): number {
  const at = LONGEST.findIndex((path) => file.startsWith(path));
  return at < 0 ? 0 : LONGEST.length - at;
}

/** A path as the shell completes it: `./tests/net/`. */
const clean = (pattern: string): string => pattern.replaceAll("\\", "/").replace(/^\.\//, "");

/** The files whose path contains any of the patterns, all on these runtimes. */
export const matching = (root: string, patterns: string[], runtimes = ["bun"]): Job[] =>
  testFiles(root).filter((file) => patterns.some((pattern) => file.includes(clean(pattern))))
    .flatMap((file) => runtimes.map((runtime) => ({ runtime, file })));

/** A file of this checkout, whose tests/ may be another's. */
const own = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The command line that runs a job's tests and leaves their report at `junit`. */
export function commandOf({ runtime, file, files }: Job, junit: string): string[] {
  const path = files ? own("tests/support/several.ts") : file;
  switch (runtime) {
    case "bun":
      return [
        ...["bun", "test", "--timeout", "60000"],
        ...["--reporter=junit", `--reporter-outfile=${junit}`, `./${file}`],
      ];
    case "deno":
      return [
        ...["deno", "test", "-P", "--no-check", "--config", own("deno.json")],
        ...[`--junit-path=${junit}`, path],
      ];
    default: // not `--test`, which would start one more process for the file
      return [
        ...["node", "--no-warnings", "--import", own("tests/support/node_hooks.mjs")],
        ...["--test-reporter=junit", `--test-reporter-destination=${junit}`, path],
      ];
  }
}

/** Where the seconds that each job took last are kept, so that the longest can start first. */
export const timesFile = (root: string): string =>
  join(root, "node_modules/.cache/test-seconds.json");
