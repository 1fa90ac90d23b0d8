// The rules of the layers, checked on source text: who may import whom, and what is said only once.
// Pure, so that a test can show that it finds what it must find.

/** Higher numbers may import lower ones, and files of a folder each other; nothing else. */
const LEVEL: Readonly<Record<string, number>> = {
  sys: 0,
  selectors: 1,
  net: 1,
  engine: 2,
  tls: 3,
  serve: 4,
  client: 4,
  stress: 4,
  cli: 5,
};

/** The folders that may use third-party packages: never the library. */
const WITH_PACKAGES: ReadonlySet<string | undefined> = new Set(["serve", "stress", "cli"]);

/** What every start of the program loads: any other package waits until a command needs it. */
const ENTRIES = ["main.ts", "lib/cli/program.ts", "lib/mod.ts"];
const EAGER_PACKAGES: ReadonlySet<string> = new Set(["commander", "@commander-js/extra-typings"]);

/** Pure computation: these import nothing at all. */
const IMPORT_NOTHING: ReadonlySet<string> = new Set([
  "lib/engine/queue.ts",
  "lib/engine/timers.ts",
  "lib/text/units.ts",
  "lib/serve/services.ts",
  "lib/stress/traffic/oracle.ts",
]);

/** Who starts threads: a file's name in lib/ means nothing in a binary, a program given as text does. */
const WORKER_FILES: ReadonlySet<string> = new Set(["main.ts", "lib/selectors/poll_thread.ts"]);

const RUNTIME_FILE = "lib/sys/ffi.ts";
const MOST_LINES = 300;

interface Import {
  readonly target: string;
  /** "type" imports vanish before the program runs. */
  readonly kind: "static" | "dynamic" | "type";
  /** What is imported is the text of a file, whatever is in it. */
  readonly text: boolean;
}

/** Source text without comments, as far as formatted code goes: strings stay, `//` in them too. */
export function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/^\s*\/\/.*$/gm, "")
    .replace(/\s\/\/\s.*$/gm, "").replace(/\/\*[^*]*\*\//g, "");
}

/** An example in a doc comment is for users, and does not make a file harder to read. */
const withoutExamples = (text: string): string =>
  text.replace(/^ *\* @example\n(?: *\*(?! @|\/).*\n)*/gm, "");

/** What a file imports or exports from elsewhere. */
export function importsOf(code: string): Import[] {
  const found: Import[] = [];
  const pattern =
    /\b(?:(import|export)\s+(type\b)?[^;"'()]*?\bfrom\s*|(import)\s*(\()?\s*)["'`]([^"'`]+)["'`]([^;()]*)/g;
  for (const [, , type, , call, target, rest] of code.matchAll(pattern)) {
    const kind = call ? "dynamic" : type ? "type" : "static";
    found.push({ target: target!, kind, text: /^[\s,{]*with\b[^}]*"text"/.test(rest!) });
  }
  return found;
}

/** "lib/serve/a.ts" and "../net/mod.ts" make "lib/net/mod.ts". */
function resolve(from: string, relative: string): string {
  return new URL(relative, `file:///${from}`).pathname.slice(1);
}

const folderOf = (path: string): string | undefined => /^lib\/([^/]+)\//.exec(path)?.[1];

function importProblem(path: string, { target, text }: Import): string | undefined {
  const folder = folderOf(path);
  if (IMPORT_NOTHING.has(path)) return `imports ${target}, but this file imports nothing`;
  if (!target.startsWith(".")) {
    if (target === "bun:ffi" || target === "node:ffi") {
      return path === RUNTIME_FILE ? undefined : `names the runtime's module ${target}`;
    }
    if (target.startsWith("node:") || WITH_PACKAGES.has(folder)) return undefined;
    return `imports the package ${target}`;
  }
  if (text && target.startsWith("./")) return undefined;
  if (!target.endsWith(".ts") && !target.endsWith(".json")) return `imports ${target} without .ts`;
  const to = resolve(path, target);
  // lib/mod.ts is the library's surface: it is above all, and nobody's business inside.
  if (folder === undefined) return undefined;
  const other = folderOf(to);
  if (other === undefined) {
    return to.endsWith(".json") ? undefined : `imports ${to}, which is above lib's folders`;
  }
  if (other === folder) return undefined;
  if (!(other in LEVEL)) return `imports ${to} of the unknown folder ${other}`;
  return LEVEL[other]! < LEVEL[folder]!
    ? undefined
    : `imports ${to}: ${folder} is not above ${other}`;
}

/** Everything wrong with one file of lib/, or main.ts; empty when all is well. */
export function layerProblems(path: string, text: string): string[] {
  const code = withoutComments(text);
  const problems = importsOf(code).map((found) => importProblem(path, found));
  const folder = folderOf(path);
  if (folder !== undefined && !(folder in LEVEL)) {
    problems.push(`is in the unknown folder ${folder}`);
  }
  if (path !== RUNTIME_FILE) {
    const runtime = /\b(?:Deno|Bun)(?:\??\.[a-zA-Z]|(?:\?\.)?\[["'])|["'`](?:bun|node):ffi["'`]/
      .exec(
        code,
      );
    if (runtime) problems.push(`names a runtime: ${runtime[0]}`);
  }
  if (!WORKER_FILES.has(path) && /\bnew\s+Worker\b/.test(code)) problems.push("starts a Worker");
  if (/^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s/m.test(code)) {
    problems.push("has an enum");
  }
  const lines = withoutExamples(text).trimEnd().split("\n").length;
  if (lines > MOST_LINES) problems.push(`has ${lines} lines; ${MOST_LINES} are the most`);
  return problems.filter((problem) => problem !== undefined).map((problem) => `${path} ${problem}`);
}

/**
 * Packages that are loaded whatever the command, `--help` included. A package belongs behind an
 * `import()`: its own, or that of a module which needs it throughout.
 */
export function eagerPackages(files: ReadonlyMap<string, string>): string[] {
  const reached = new Set(ENTRIES);
  const problems: string[] = [];
  for (const path of reached) { // grows while it is walked
    for (const { target, kind } of importsOf(withoutComments(files.get(path) ?? ""))) {
      if (kind !== "static") continue;
      if (target.startsWith(".")) reached.add(resolve(path, target));
      else if (!target.startsWith("node:") && !EAGER_PACKAGES.has(target)) {
        problems.push(`${path} imports the package ${target}, and every start loads it`);
      }
    }
  }
  return problems;
}
