/** From arguments and environment to the values of a command's options. */
import { UsageError } from "../exit.ts";
import type { Command } from "./command.ts";
import { checkEncoding } from "./encoding.ts";
import { variablesOf, withVariables } from "./environment.ts";
import { longName, type Option, type Table, type Values } from "./option.ts";
import { insteadOfValue } from "./replaced.ts";
import { wordsOf } from "./words.ts";

export interface Read<T extends Table = Table> {
  readonly options: Values<T>;
  readonly operands: readonly string[];
  source(key: keyof T & string): "cli" | "env" | "default";
  readonly given: ReadonlySet<string>;
  /** A message that names options, with the variables that some of them are from. */
  withVariables(message: string): string;
  /** Variables that look like ours and are none, as lines for stderr. */
  readonly warnings: readonly string[];
}

export type ReadOf<C> = C extends Command<infer T> ? Read<T> : never;

export function read<T extends Table>(
  command: Command<T>,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Read<T> {
  const values = new Map<string, unknown>();
  const sources = new Map<string, "cli" | "env">();
  checkEncoding(command, args, environment);
  const found = variablesOf(command, environment);
  for (const { key, name, text } of found.values) {
    const option: Option<unknown> = command.options[key]!;
    // A variable can't be repeated.
    const parts = option.repeats ? text.split(",").map((part) => part.trim()) : [text];
    const read = parts.map((part) =>
      parsed(option, key, part, `${name} (option '--${longName(key)}')`)
    );
    values.set(key, option.repeats ? read.flat() : read[0]);
    sources.set(key, "env");
  }
  const operands: string[] = [];
  for (const word of wordsOf(command, args)) {
    if (word.key === undefined) {
      if (command.operands.file && word.operand === "") {
        throw new UsageError("an argument is empty, and has to be the name of a file");
      }
      operands.push(word.operand);
      continue;
    }
    const { key, text } = word;
    const option: Option<unknown> = command.options[key]!;
    const next = option.value === undefined
      ? true
      : parsed(option, key, text!, `option '--${longName(key)}'`);
    // What stands on the command line replaces a variable, and adds to what stands there already.
    const adds = option.repeats && sources.get(key) === "cli";
    values.set(key, adds ? [...values.get(key) as unknown[], ...next as unknown[]] : next);
    sources.set(key, "cli");
  }
  if (operands.length > command.operands.most) {
    const extra = operands[command.operands.most]!;
    throw new UsageError(`too many arguments: "${extra}" (see iomux ${command.name} --help)`);
  }
  const all = Object.entries(command.options)
    .map(([key, option]) => [key, values.has(key) ? values.get(key) : option.initial]);
  const source = (key: string) => sources.get(key) ?? "default";
  return {
    options: Object.fromEntries(all) as Values<T>,
    operands,
    source,
    withVariables: (message) => withVariables(message, command, source),
    given: new Set(sources.keys()),
    warnings: found.warnings,
  };
}

function parsed(option: Option<unknown>, key: string, text: string, what: string): unknown {
  try {
    return option.parse(text);
  } catch (error) {
    const instead = insteadOfValue(longName(key));
    const hint = instead === undefined ? "" : `; ${instead}`;
    throw new UsageError(`${what}: ${(error as Error).message}${hint}`);
  }
}
