/** The options of `iomux serve` that hand connections to a handler or a program. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { HandoffOptions } from "../../serve/options.ts";
import { UsageError } from "../exit.ts";
import type { ServeRead } from "./command.ts";

/** Who may answer: one of them. */
const ANSWERS = ["handler", "exec", "service"] as const;

/** The part of ServeOptions that the options ask for. */
export function handoffOf(read: ServeRead): { handoff?: HandoffOptions } {
  const { options, source } = read;
  const chosen = chooseAnswer(read);
  if (chosen === "service") return {};
  if (options.tlsCert !== undefined || options.tlsKey !== undefined) {
    throw new UsageError(
      `option '--tls-cert' cannot be used with '--${chosen}', which is given the bare connection`,
    );
  }
  const answer = chosen === "handler"
    ? { module: moduleAt(options.handler!) }
    : { command: programFor(options.exec!) };
  if (chosen === "exec" && options.unix === undefined && source("host") === "default") {
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

/** The address of a handler module. */
function moduleAt(file: string): string {
  const path = resolve(file);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new UsageError(`option '--handler': there is no file "${file}"`);
  }
  return pathToFileURL(path).href;
}

/** A command line as a program and its arguments. */
function programFor(text: string): string[] {
  if (process.platform === "win32") {
    throw new UsageError("option '--exec' does not exist on Windows; use '--handler'");
  }
  const words = splitWords(text);
  const [program] = words;
  if (!program) throw new UsageError("option '--exec': there is no command");
  const folders = program.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  if (!folders.some((folder) => isExecutable(resolve(folder, program)))) {
    throw new UsageError(`option '--exec': there is no program "${program}"`);
  }
  return words;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
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
