/** From arguments and environment to the values of a command's options. */
import { didYouMean } from "../../text/nearest.ts";
import { UsageError } from "../exit.ts";
import type { Command } from "./command.ts";
import { variablesOf } from "./environment.ts";
import { longName, type Option, type Table, type Values } from "./option.ts";

/** What was read. */
export interface Read<T extends Table = Table> {
  readonly options: Values<T>;
  readonly operands: readonly string[];
  /** Where an option's value is from. */
  source(key: keyof T & string): "cli" | "env" | "default";
  /** The options that were given, here or by the environment. */
  readonly given: ReadonlySet<string>;
  /** Variables that look like ours and are none, as lines for stderr. */
  readonly warnings: readonly string[];
}

/** The values that a command is run with. */
export type ReadOf<C> = C extends Command<infer T> ? Read<T> : never;

/** Reads a command line. @throws UsageError */
export function read<T extends Table>(
  command: Command<T>,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Read<T> {
  const values = new Map<string, unknown>();
  const sources = new Map<string, "cli" | "env">();
  const found = variablesOf(command, environment);
  for (const { key, name, text } of found.values) {
    const option = command.options[key]!;
    values.set(key, parsed(option, text, `${name} (option '--${longName(key)}')`));
    sources.set(key, "env");
  }
  const operands: string[] = [];
  for (const { key, text, operand } of wordsOf(command, args)) {
    if (key === undefined) {
      operands.push(operand!);
      continue;
    }
    const option: Option<unknown> = command.options[key]!;
    const next = option.value === undefined
      ? true
      : parsed(option, text!, `option '--${longName(key)}'`);
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
  return {
    options: Object.fromEntries(all) as Values<T>,
    operands,
    source: (key) => sources.get(key) ?? "default",
    given: new Set(sources.keys()),
    warnings: found.warnings,
  };
}

function parsed(option: Option<unknown>, text: string, what: string): unknown {
  try {
    return option.parse(text);
  } catch (error) {
    throw new UsageError(`${what}: ${(error as Error).message}`);
  }
}

interface Word {
  readonly key?: string;
  readonly text?: string;
  readonly operand?: string;
}

/** Arguments as options with their values, and operands. */
function* wordsOf(command: Command, args: readonly string[]): Generator<Word> {
  const long = new Map<string, string>(
    Object.keys(command.options).map((key) => [`--${longName(key)}`, key]),
  );
  const short = new Map<string, string>(
    Object.entries(command.options).flatMap(([key, option]) =>
      option.short === undefined ? [] : [[`-${option.short}`, key] as const]
    ),
  );
  const isOption = (word: string) => long.has(word.split("=")[0]!) || short.has(word.slice(0, 2));
  const rest = [...args];
  /** The value of an option: attached to it, or the next word. */
  const valueOf = (key: string, written: string, attached: string | undefined): Word => {
    const option = command.options[key]!;
    if (option.value === undefined) {
      if (attached === undefined) return { key };
      const instead = command.gone?.[`${written}=`];
      throw new UsageError(
        `option '${written}' takes no value${instead === undefined ? "" : `: ${instead}`}`,
      );
    }
    if (attached !== undefined) return { key, text: attached };
    const next = rest[0];
    if (next === undefined || (next.startsWith("-") && isOption(next))) {
      throw new UsageError(`option '${written}' needs a value: ${option.value}`);
    }
    rest.shift();
    return { key, text: next };
  };
  while (rest.length > 0) {
    const word = rest.shift()!;
    if (word === "--") {
      for (const operand of rest) yield { operand };
      return;
    }
    if (word.startsWith("--")) {
      const at = word.indexOf("=");
      const name = at < 0 ? word : word.slice(0, at);
      const key = long.get(name);
      if (key === undefined) throw unknown(command, name, long.keys());
      yield valueOf(key, name, at < 0 ? undefined : word.slice(at + 1));
    } else if (word.startsWith("-") && word !== "-") {
      // Switches may stand together: -lkv.
      for (let letters = word.slice(1); letters !== "";) {
        const name = `-${letters[0]}`;
        const key = short.get(name);
        if (key === undefined) throw unknown(command, name, short.keys());
        const attached = letters.slice(1);
        if (command.options[key]!.value === undefined) {
          yield { key };
          letters = attached;
        } else {
          yield valueOf(key, name, attached === "" ? undefined : attached.replace(/^=/, ""));
          letters = "";
        }
      }
    } else yield { operand: word };
  }
}

function unknown(command: Command, name: string, names: Iterable<string>): UsageError {
  const instead = command.gone?.[name];
  if (instead !== undefined) {
    const gone = instead.startsWith("use ") ? ` is gone: ${instead}` : `: ${instead}`;
    return new UsageError(`option '${name}'${gone}`);
  }
  const hint = name.length > 2 ? didYouMean(name, names) : "";
  return new UsageError(
    `unknown option '${name}'${hint || ` (see iomux ${command.name} --help)`}`,
  );
}
