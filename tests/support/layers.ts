// The rules of the layers (docs/architecture.md), checked on source text: which folder may import
// which, and what stands in one place only. Pure, so that a test can show that it finds what it must.

/**
 * What each folder of lib/ may import, its own files aside. What those may import in turn is allowed
 * as well, and so is `text` to all. "lib/x.ts" is a file with a place of its own: the surface of a
 * folder whose parts stand below it.
 */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  "text": [],
  "sys": [ // a call, and what it is there
    ...["sys/linux", "sys/bsd", "sys/windows", "sys/machine"],
    ...["sys/socket", "sys/process", "sys/stdio"],
  ],
  "sys/linux": ["sys"],
  "sys/bsd": ["sys"],
  "sys/windows": ["sys"],
  "sys/machine": [],
  "sys/socket": ["sys"],
  "sys/process": ["sys"],
  "sys/stdio": ["sys"],
  "selectors": ["sys", "selectors/async", "selectors/poll", "selectors/select"],
  "selectors/async": ["selectors"],
  "selectors/poll": ["selectors"],
  "selectors/select": ["selectors"],
  "net": ["sys", "net/blocking"],
  "net/blocking": ["net"],

  "lib/engine/queue.ts": [],
  "engine": ["selectors", "net", "lib/engine/queue.ts"],
  "engine/readiness": ["engine"],
  "engine/uring": ["engine"],
  "lib/engine/create.ts": ["engine/readiness", "engine/uring"],
  "lib/engine/mod.ts": ["engine/readiness", "engine/uring"],
  "tls": ["lib/engine/mod.ts"],

  "result": ["lib/engine/mod.ts"],
  "result/merge": ["result"],
  "result/audit": ["result"],

  "serve/faults": ["tls"],
  "serve": ["serve/faults", "serve/handoff"],
  "serve/handoff": ["tls", "serve"], // a connection knows how it is handed over, and is what is
  "serve/metrics": ["serve"],

  "client": ["tls"],
  "client/script": ["client"],

  "stress/plan": ["result", "tls"],
  "stress/traffic": ["stress/plan"],
  "stress/generator/connections": ["stress/traffic"],
  "stress/generator/pumps": ["stress/generator/connections"],
  "stress/generator": ["stress/generator/pumps", "lib/stress/generator/dial.ts"],
  "stress/run": ["stress/generator", "result/merge", "result/audit"],

  "probe": ["result", "tls", "stress/traffic", "lib/stress/generator/dial.ts"],
  "lib/stress/generator/dial.ts": ["stress/traffic"],

  "report/judge": ["result/merge", "result/audit"],
  "report": ["report/judge"],
  "report/text": ["report"],
  "report/html": ["report"],

  "cli": [
    "serve",
    "serve/metrics",
    "client/script",
    "stress/run",
    "probe",
    "report/text",
    "report/html",
  ],
  "cli/options": ["cli"],
  "cli/live": ["cli/options"],
  "cli/scenario": ["cli/options", "cli/stress"], // the keys of a file are the command's options
  "cli/serve": ["cli/options", "cli/live"],
  "cli/client": ["cli/options", "cli/live"],
  "cli/results": ["cli/options"],
  "cli/stress": ["cli/options", "cli/live", "cli/scenario", "cli/results"],
  "cli/probe": ["cli/stress"], // whose target and messages it has
  "cli/report": ["cli/results"],
  "cli/info": ["cli/options", "cli/live"],
  "cli/help": ["cli/options"],
  "cli/completion": ["cli/options"],
  "lib/cli/commands.ts": [
    ...["cli/serve", "cli/client", "cli/stress", "cli/probe", "cli/report", "cli/info"],
    "cli/completion",
  ],
  "lib/cli/program.ts": ["lib/cli/commands.ts", "cli/help"],

  "lib/mod.ts": ["selectors", "net"],
  "main.ts": ["lib/cli/program.ts"],
};

/** Which third-party packages a top folder may use: never the library. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  result: /./,
  report: /./,
  stress: /./,
  cli: /./,
};

/** What every start of the program loads: a package waits until a command needs it. */
const ENTRIES = ["main.ts", "lib/cli/program.ts", "lib/mod.ts"];

/** Pure computation: these import nothing at all, `lib/text/` none but its own files. */
const IMPORT_NOTHING: ReadonlySet<string> = new Set([
  "lib/engine/queue.ts",
  "lib/engine/timers.ts",
  "lib/serve/upper_case.ts",
  "lib/stress/traffic/oracle.ts",
]);

/** Who starts threads: a file's name in lib/ means nothing in a binary, a program given as text does. */
const WORKER_FILES: ReadonlySet<string> = new Set([
  "main.ts",
  "lib/selectors/async/poller.ts",
]);

const RUNTIME_FILES: ReadonlySet<string> = new Set([
  ...["lib/sys/backends.ts", "lib/sys/ffi.ts", "lib/sys/runtime.ts"],
]);
const MOST_LINES = 300;
const MOST_FILES = 16;

interface Import {
  readonly target: string;
  /** "type" imports vanish before the program runs. */
  readonly kind: "static" | "dynamic" | "type";
  /** What is imported is the text of a file, whatever is in it. */
  readonly text: boolean;
  /** Where it ends, counted from 1. */
  readonly line: number;
}

const newlines = (text: string): string => text.replace(/[^\n]/g, "");
const lineAt = (text: string, index: number): number => 1 + newlines(text.slice(0, index)).length;

/**
 * Source text without comments, as far as formatted code goes: strings stay, `//` in them too, and
 * every line keeps its number.
 */
export function withoutComments(text: string): string {
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, newlines).replace(/^[ \t]*\/\/.*$/gm, "")
    .replace(/\s\/\/\s.*$/gm, "").replace(/\/\*[^*]*\*\//g, newlines);
}

/** An example in a doc comment is for users, and does not make a file harder to read. */
const withoutExamples = (text: string): string =>
  text.replace(/^ *\* @example\n(?: *\*(?! @|\/).*\n)*/gm, "");

/** What a file imports or exports from elsewhere. */
export function importsOf(code: string): Import[] {
  const found: Import[] = [];
  const pattern =
    /\b(?:(import|export)\s+(type\b)?[^;"'()]*?\bfrom\s*|(import)\s*(\()?\s*)["'`]([^"'`]+)["'`]([^;()]*)/g;
  for (const match of code.matchAll(pattern)) {
    const [all, , type, , call, target, rest] = match;
    const kind = call ? "dynamic" : type ? "type" : "static";
    const line = lineAt(code, match.index + all.length - rest!.length);
    found.push({ target: target!, kind, text: /^[\s,{]*with\b[^}]*"text"/.test(rest!), line });
  }
  return found;
}

/** "lib/serve/a.ts" and "../net/mod.ts" make "lib/net/mod.ts". */
const resolve = (from: string, relative: string): string =>
  new URL(relative, `file:///${from}`).pathname.slice(1);

const folderOf = (path: string): string => /^(?:lib\/)?(.*?)\/?[^/]*$/.exec(path)![1]!;

/** Where a file stands in BELOW. */
const placeOf = (path: string): string => path in BELOW ? path : folderOf(path);

/** All that a place may import, however far down. */
function reachable(place: string): ReadonlySet<string> {
  const reached = new Set(["text", place, ...BELOW[place] ?? []]);
  for (const next of reached) { // grows while it is walked
    for (const below of BELOW[next] ?? []) reached.add(below);
  }
  return reached;
}

function importProblem(path: string, { target, text }: Import): string | undefined {
  if (IMPORT_NOTHING.has(path)) return `imports ${target}, but this file imports nothing`;
  const place = placeOf(path);
  if (!target.startsWith(".")) {
    if (place === "text") return `imports ${target}, but lib/text imports nothing`;
    if (target === "bun:ffi" || target === "node:ffi") {
      return RUNTIME_FILES.has(path) ? undefined : `names the runtime's module ${target}`;
    }
    const allowed = target.startsWith("node:") ||
      PACKAGES[folderOf(path).split("/")[0]!]?.test(target);
    return allowed ? undefined : `imports the package ${target}`;
  }
  if (text && target.startsWith("./")) return undefined;
  if (!target.endsWith(".ts") && !target.endsWith(".json")) return `imports ${target} without .ts`;
  const to = resolve(path, target);
  if (to.endsWith(".json")) return undefined;
  const other = placeOf(to);
  if (!(other in BELOW)) return `imports ${to} of the unknown folder ${other}`;
  // The files of a folder know each other, those with a place of their own as well.
  if (reachable(place).has(other) || folderOf(path) === folderOf(to)) return undefined;
  return `imports ${to}: ${place} may not import ${other}`;
}

/** Everything wrong with one file of lib/, or main.ts; empty when all is well. */
export function layerProblems(path: string, text: string): string[] {
  const code = withoutComments(text);
  const problems: string[] = [];
  const add = (line: number, problem: string) => problems.push(`${path}:${line} ${problem}`);
  /** At each match of the pattern. */
  const addAll = (pattern: RegExp, problem: (match: string) => string) => {
    for (const match of code.matchAll(pattern)) {
      const start = match.index + /^\s*/.exec(match[0])![0].length;
      add(lineAt(code, start), problem(match[0].trim()));
    }
  };

  for (const found of importsOf(code)) {
    const problem = importProblem(path, found);
    if (problem) add(found.line, problem);
  }
  if (!(placeOf(path) in BELOW)) add(1, `is in the unknown folder ${folderOf(path)}`);
  const [folder, file] = path.split("/").slice(-2);
  if (file?.startsWith(`${folder}_`)) add(1, `repeats the name of its folder`);
  if (!RUNTIME_FILES.has(path)) {
    addAll(
      /\b(?:Deno|Bun)(?:\??\.[a-zA-Z]|(?:\?\.)?\[["'])|["'`](?:bun|node):ffi["'`]/g,
      (match) => `names a runtime: ${match}`,
    );
  }
  if (!WORKER_FILES.has(path)) addAll(/\bnew\s+Worker\b/g, () => "starts a Worker");
  // What tests need they bring along: a variable that only they set is a way into the product.
  addAll(/\bIOMUX_(?!SELECTOR\b)[A-Z]\w*/g, (match) => `reads a variable of its own: ${match}`);
  addAll(/^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s/gm, () => "has an enum");
  if (path.startsWith("lib/")) {
    addAll(
      /^(?:(?:export )?(?:const|let|var) [^\n]*= )?(?:for )?await\b/gm,
      () => "awaits at its top level",
    );
  }
  const lines = withoutExamples(text).trimEnd().split("\n").length;
  if (lines > MOST_LINES) add(MOST_LINES + 1, `has ${lines} lines; ${MOST_LINES} are the most`);
  return problems;
}

/** The folders that hold more files than one looks through at a glance. */
export function folderProblems(paths: Iterable<string>): string[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const folder = path.replace(/\/?[^/]*$/, "");
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > MOST_FILES)
    .map(([folder, count]) => `${folder} has ${count} files; ${MOST_FILES} are the most`);
}

/**
 * The circles of imports, types included, each as the chain of its files with the line of each import:
 * the shortest one through each file that is part of any.
 */
export function circles(files: ReadonlyMap<string, string>): string[] {
  const edges = new Map<string, Map<string, number>>();
  for (const [path, text] of files) {
    const to = new Map<string, number>();
    for (const { target, line } of importsOf(withoutComments(text))) {
      if (target.startsWith(".")) to.set(resolve(path, target), line);
    }
    edges.set(path, to);
  }
  const found = new Map<string, string>();
  for (const start of files.keys()) {
    const chain = shortestCircle(start, edges);
    if (!chain) continue;
    const least = chain.indexOf([...chain].sort()[0]!);
    const ordered = [...chain.slice(least), ...chain.slice(0, least)];
    const links = ordered.map((path, i) =>
      `${path}:${edges.get(path)!.get(ordered[(i + 1) % ordered.length]!)}`
    );
    found.set(ordered.join(), [...links, ordered[0]].join(" -> "));
  }
  return [...found.values()].sort();
}

/** The files of the shortest way from a file back to itself, by breadth first. */
function shortestCircle(
  start: string,
  edges: ReadonlyMap<string, ReadonlyMap<string, number>>,
): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[start, undefined]]);
  for (const path of cameFrom.keys()) { // grows while it is walked
    for (const next of edges.get(path)?.keys() ?? []) {
      if (next === start) {
        const chain: string[] = [];
        for (let at: string | undefined = path; at !== undefined; at = cameFrom.get(at)) {
          chain.unshift(at);
        }
        return chain;
      }
      if (!cameFrom.has(next)) cameFrom.set(next, path);
    }
  }
  return undefined;
}

/**
 * Packages that are loaded whatever the command, `--help` included. A package belongs behind an
 * `import()`: its own, or that of a module which needs it throughout.
 */
export function eagerPackages(files: ReadonlyMap<string, string>): string[] {
  const reached = new Set(ENTRIES);
  const problems: string[] = [];
  for (const path of reached) { // grows while it is walked
    for (const { target, kind, line } of importsOf(withoutComments(files.get(path) ?? ""))) {
      if (kind !== "static") continue;
      if (target.startsWith(".")) reached.add(resolve(path, target));
      else if (!target.startsWith("node:")) {
        problems.push(`${path}:${line} imports the package ${target}, and every start loads it`);
      }
    }
  }
  return problems;
}
