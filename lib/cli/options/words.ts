/** Arguments as options with their values, and operands: commander reads them. */
import { Command as Parser, CommanderError, Option as Declared } from "commander";
import { didYouMean } from "../../text/nearest.ts";
import { UsageError } from "../exit.ts";
import type { Command } from "./command.ts";
import { longName, type Option } from "./option.ts";
import { insteadOfValue, replacement } from "./replaced.ts";

/** What stands on a command line: an option with its value, or an operand. */
export type Word =
  | { readonly key: string; readonly text?: string }
  | { readonly key?: undefined; readonly operand: string };

/** The words of a command line: options in their order, then the operands. @throws UsageError */
export function wordsOf(command: Command, args: readonly string[]): Word[] {
  const words: Word[] = [];
  const parser = new Parser(command.name).exitOverride()
    .configureOutput({ writeErr: () => {} }).helpOption(false)
    .combineFlagAndOptionalValue(false) // -lk is -l -k
    .argument("[operands...]");
  for (const [key, { short, value, mayStandAlone }] of Object.entries(command.options)) {
    const name = longName(key);
    const letter = short === undefined ? "" : `-${short}, `;
    const place = value === undefined ? "" : mayStandAlone ? " [value]" : " <value>";
    parser.addOption(new Declared(letter + `--${name}` + place));
    parser.on(`option:${name}`, (text?: string) => {
      if (value === undefined) return words.push({ key });
      if (mayStandAlone) return words.push({ key, text: text ?? "" });
      if (text === undefined || isOption(command, text)) {
        throw needsValue(asWritten(args, name, short), value);
      }
      return words.push({ key, text });
    });
  }
  refuseOneDash(command, args);
  try {
    parser.parse(separated(command, args), { from: "user" });
  } catch (error) {
    throw error instanceof CommanderError ? inOurWords(command, args, error) : error;
  }
  return [...words, ...parser.args.map((operand) => ({ operand }))];
}

/**
 * "-kl9000" as "-kl" and "9000": in one word commander takes what follows an option that may stand alone
 * for other options.
 */
function separated(command: Command, args: readonly string[]): string[] {
  const all = Object.values(command.options);
  const letters = (of: (option: Option<unknown>) => unknown) =>
    all.flatMap((option) => of(option) && option.short ? [option.short] : []).join("");
  const switches = letters(({ value }) => value === undefined);
  const alone = letters(({ mayStandAlone }) => mayStandAlone);
  if (alone === "") return [...args];
  const joined = new RegExp(`^(-[${switches}]*[${alone}])(?![${switches}]+$)([^A-Za-z].*)$`);
  return args.flatMap((arg) => joined.exec(arg)?.slice(1) ?? [arg]);
}

/** `-port 80` would be `-p ort`. @throws UsageError */
function refuseOneDash(command: Command, args: readonly string[]): void {
  const end = args.indexOf("--");
  const names = longNames(command);
  const wrong = args.slice(0, end < 0 ? args.length : end).find((arg, i) =>
    names.includes(`-${arg.split("=")[0]}`) && !takesValue(command, args[i - 1])
  );
  if (wrong === undefined) return;
  const name = wrong.split("=")[0];
  throw new UsageError(`unknown option '${name}': long options have two dashes, -${name}`);
}

/** Whether a word is an option whose value is the next one. */
const takesValue = (command: Command, word: string | undefined): boolean =>
  Object.entries(command.options).some(([key, { short, value, mayStandAlone }]) =>
    value !== undefined && !mayStandAlone && (word === `--${longName(key)}` || word === `-${short}`)
  );

/** An option's name as it stands on the command line, the last time. */
const asWritten = (args: readonly string[], name: string, short: string | undefined) =>
  args.findLast((arg) => arg === `--${name}` || arg === `-${short}`) ?? `--${name}`;

const needsValue = (name: string, value: string) =>
  new UsageError(`option '${name}' needs a value: ${value}`);

const longNames = (command: Command) =>
  Object.keys(command.options).map((key) => `--${longName(key)}`);

/** Whether a word is an option of the command, and so no value of the one in front of it. */
function isOption(command: Command, word: string): boolean {
  const shorts = Object.values(command.options).map(({ short }) => `-${short}`);
  return word.startsWith("--")
    ? longNames(command).includes(word.split("=")[0]!)
    : word.length > 1 && shorts.includes(word.slice(0, 2));
}

/** What commander refuses, in the words that every command has for it. */
function inOurWords(
  command: Command,
  args: readonly string[],
  { code, message }: CommanderError,
): UsageError {
  const names = longNames(command);
  if (code === "commander.optionMissingArgument") {
    const [key, option] = Object.entries(command.options)
      .find(([key]) => message.includes(`--${longName(key)} <value>'`))!;
    return needsValue(asWritten(args, longName(key), option.short), option.value!);
  }
  const written = /'(-[^']*)'/.exec(message)?.[1] ?? message;
  const name = written.split("=")[0]!;
  if (name !== written && names.includes(name)) {
    const instead = insteadOfValue(name);
    return new UsageError(
      `option '${name}' takes no value${instead === undefined ? "" : `: ${instead}`}`,
    );
  }
  const typed = typedWord(args, name);
  const hints = unknownIn(command, name).flatMap((each) => {
    const which = each === typed ? "" : ` in '${typed}'`;
    const instead = elsewhere(command, each)?.instead;
    return instead === undefined ? [] : [`option '${each}'${which}: ${instead}`];
  });
  const replaced = replacement(name);
  if (replaced !== undefined && hints.length === 0) hints.push(`option '${name}'${replaced}`);
  if (hints.length > 0) return new UsageError(hints.join("; "));
  const hint = name.length > 2 ? didYouMean(name, names) : "";
  return new UsageError(
    `unknown option '${name}'${hint || ` (see iomux ${command.name} --help)`}`,
  );
}

/** The word with an option that is none: commander takes the letters in front of it away. */
const typedWord = (args: readonly string[], name: string): string =>
  args.map((arg) => arg.split("=")[0]!)
    .find((arg) => /^-[^-]/.test(arg) && arg.endsWith(name.slice(1))) ?? name;

/** What there is instead of an option of other programs, and whether it has a value there. */
function elsewhere({ elsewhere: all = {} }: Command, name: string) {
  const key = Object.keys(all).find((key) => key.split(" ")[0] === name);
  return key === undefined ? undefined : { instead: all[key]!, hasValue: key !== name };
}

/** The options in one word that are none: of "-nvlp" it is "-n" and "-p". */
function unknownIn(command: Command, word: string): string[] {
  if (word.startsWith("--")) return [word];
  const unknown: string[] = [];
  for (const letter of word.slice(1)) {
    const option = Object.values(command.options).find(({ short }) => short === letter);
    if (!option) unknown.push(`-${letter}`);
    // What follows is a value.
    if (option?.value && !option.mayStandAlone) break;
    if (elsewhere(command, `-${letter}`)?.hasValue) break;
  }
  return unknown;
}
