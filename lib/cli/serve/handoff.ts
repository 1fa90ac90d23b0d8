/** The options of `iomux serve` that hand connections to a handler or a program. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { HandoffOptions } from "../../serve/options.ts";
import { UsageError } from "../exit.ts";
import { duration, option, parser } from "../options/options.ts";
import { parseCount } from "../../text/units.ts";

/** The part of a command that is needed here, whatever options it has already. */
interface Command {
  addOption(option: any): unknown;
  getOptionValue(name: any): any;
  getOptionValueSource(name: any): string | undefined;
}

/** Who may answer: one of them. */
const ANSWERS = { handler: "--handler", exec: "--exec", service: "--service" };

/** Adds the options to the command. */
export function addHandoffOptions(command: Command): void {
  command.addOption(
    option("--handler <file>", "hand each connection that is ready to a blocking handler"),
  );
  command.addOption(
    option("--exec <command>", "hand it to a program as its stdin and stdout; needs --host"),
  );
  command.addOption(
    option("--handler-workers <n>", "size of the pool of handler workers")
      .argParser(parser(workerCount)).default(4),
  );
  command.addOption(
    option("--lease-timeout <dur>", "close a connection whose handler takes longer")
      .argParser(duration).default(0, "off"),
  );
}

/** The part of ServeOptions that the options ask for. */
export function handoffOf(command: Command): { handoff?: HandoffOptions } {
  const value = (name: string) => command.getOptionValue(name);
  const chosen = chooseAnswer(command);
  if (chosen === "service") return {};
  const long = ANSWERS[chosen];
  if (value("tlsCert") !== undefined || value("tlsKey") !== undefined) {
    throw new UsageError(
      `option '--tls-cert' cannot be used with '${long}', which is given the bare connection`,
    );
  }
  const answer = chosen === "handler"
    ? { module: moduleAt(value("handler")) }
    : { command: programFor(value("exec")) };
  const isLocal = value("unix") !== undefined;
  if (chosen === "exec" && !isLocal && command.getOptionValueSource("host") === "default") {
    throw new UsageError(
      "option '--exec' needs an explicit '--host', such as --host 127.0.0.1 for this machine only",
    );
  }
  return {
    handoff: { ...answer, workers: value("handlerWorkers"), leaseMs: value("leaseTimeout") },
  };
}

/** Only one may answer; what stands on the command line wins over the environment. */
function chooseAnswer(command: Command): keyof typeof ANSWERS {
  const names = Object.keys(ANSWERS) as (keyof typeof ANSWERS)[];
  for (const source of ["cli", "env"]) {
    const given = names.filter((name) => command.getOptionValueSource(name) === source);
    if (given.length > 1) {
      const [first, second] = given.map((name) => `'${ANSWERS[name]}'`);
      throw new UsageError(`option ${first} cannot be used with option ${second}`);
    }
    if (given[0]) return given[0];
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

function workerCount(text: string): number {
  const count = parseCount(text);
  if (count < 1 || count > 256) throw new Error(`"${text}" is not between 1 and 256`);
  return count;
}
