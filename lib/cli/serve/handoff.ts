/** The options of `iomux serve` that hand connections to a handler or a program. */
import { existsSync, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { HandoffOptions } from "../../serve/options.ts";
import { isExecutable, isFile, startProblem } from "../../sys/process/executable.ts";
import { escapeControls } from "../../text/escape.ts";
import { UsageError } from "../exit.ts";
import { readBytes } from "../input.ts";
import { longName } from "../options/option.ts";
import type { ServeRead } from "./command.ts";

/** Who may answer: one of them. */
const ANSWERS = ["handler", "exec", "service"] as const;

/** The part of ServeOptions that the options ask for. `path` is that of a Unix socket to listen on. */
export function handoffOf(
  read: ServeRead,
  path: string | undefined,
): { handoff?: HandoffOptions } {
  const { options, source } = read;
  const chosen = chooseAnswer(read);
  if (chosen === "service") {
    const idle = (["handlerWorkers", "leaseTimeout"] as const).find((of) => source(of) === "cli");
    if (idle === undefined) return {};
    throw new UsageError(`option '--${longName(idle)}' needs '--handler' or '--exec'`);
  }
  if (options.tlsCert !== undefined || options.tlsKey !== undefined) {
    throw new UsageError(
      `option '--tls-cert' cannot be used with '--${chosen}', which is given the bare connection`,
    );
  }
  const answer = chosen === "handler"
    ? { module: moduleAt(options.handler!) }
    : { command: programFor(options.exec!) };
  if (chosen === "exec" && path === undefined && source("host") === "default") {
    throw new UsageError(
      "option '--exec' needs an explicit '--host', such as --host 127.0.0.1 for this machine only",
    );
  }
  return { handoff: { ...answer, workers: options.handlerWorkers, leaseMs: options.leaseTimeout } };
}

/** Only one may answer; what stands on the command line wins over the environment. */
function chooseAnswer({ source }: ServeRead): (typeof ANSWERS)[number] {
  for (const from of ["cli", "env"]) {
    const [first, second] = ANSWERS.filter((name) => source(name) === from);
    if (second) {
      throw new UsageError(`option '--${first}' cannot be used with option '--${second}'`);
    }
    if (first) return first;
  }
  return "service";
}

function moduleAt(file: string): string {
  const path = resolve(file);
  // A pipe can't be read twice, to look at it and to import it.
  if (existsSync(path) && !statSync(path).isFile()) {
    throw new UsageError(`Cannot read the handler ${file}: it is no regular file`);
  }
  readBytes(file, "handler");
  return pathToFileURL(path).href;
}

function programFor(text: string): string[] {
  if (process.platform === "win32") {
    throw new UsageError("option '--exec' does not exist on Windows; use '--handler'");
  }
  const words = splitWords(text);
  const [program] = words;
  if (!program) throw new UsageError("option '--exec': there is no command");
  const folders = program.includes("/")
    ? [""]
    : (process.env.PATH ?? "/bin:/usr/bin").split(delimiter);
  const paths = folders.map((folder) => resolve(folder, program));
  const path = paths.find(isExecutable);
  if (path === undefined) {
    const exists = paths.some(isFile);
    throw new UsageError(
      exists
        ? `option '--exec': cannot start "${program}": it may not be executed`
        : `option '--exec': there is no program "${program}"`,
    );
  }
  const problem = startProblem(path);
  if (problem) {
    const why = escapeControls(problem); // a first line that ends with a carriage return, for one
    throw new UsageError(`option '--exec': cannot start "${program}": ${why}`);
  }
  return words;
}

/** Words as a shell splits them, by quotes and backslashes; nothing is expanded. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  const part = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)|(.)/gsy;
  let word: string | undefined;
  for (const [whole, single, double, escaped, plain, stray] of text.matchAll(part)) {
    if (stray !== undefined) {
      throw new UsageError(`option '--exec': ${stray} has no counterpart in: ${text}`);
    }
    const piece = single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain;
    if (piece !== undefined) word = (word ?? "") + piece;
    else if (whole && word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
