/**
 * Arguments as options with their values, and operands, as getopt_long(3) takes them: `--name value`,
 * `--name=value`, `-n value`, `-nvalue`, switches in one word (`-kv`), options behind operands, and `--`.
 */
import { didYouMean } from "../../text/nearest.ts";
import { UsageError } from "../exit.ts";
import type { Command } from "./command.ts";
import { longName, type Option } from "./option.ts";

/** What stands on a command line: an option with its value, or an operand. */
export type Word =
  | { readonly key: string; readonly text?: string }
  | { readonly key?: undefined; readonly operand: string };

/** An option by one of its names. */
interface Named {
  readonly key: string;
  readonly option: Option<unknown>;
}

/** The words of a command line: options in their order, then the operands. @throws UsageError */
export function wordsOf(command: Command, args: readonly string[]): Word[] {
  return new Reader(command, args).read();
}

class Reader {
  readonly #command: Command;
  readonly #args: readonly string[];
  /** By "--name" and by "-n". */
  readonly #options = new Map<string, Named>();
  readonly #words: Word[] = [];
  /** The next argument. */
  #next = 0;

  constructor(command: Command, args: readonly string[]) {
    this.#command = command;
    this.#args = args;
    for (const [key, option] of Object.entries(command.options)) {
      this.#options.set(`--${longName(key)}`, { key, option });
      if (option.short !== undefined) this.#options.set(`-${option.short}`, { key, option });
    }
  }

  read(): Word[] {
    const operands: string[] = [];
    while (this.#next < this.#args.length) {
      const arg = this.#args[this.#next++]!;
      if (arg === "--") break;
      if (arg.startsWith("--")) this.#long(arg);
      else if (arg.startsWith("-") && arg.length > 1) this.#short(arg);
      else operands.push(arg);
    }
    operands.push(...this.#args.slice(this.#next));
    return [...this.#words, ...operands.map((operand) => ({ operand }))];
  }

  /** `--name`, `--name value` or `--name=value`. */
  #long(arg: string): void {
    const [name = ""] = arg.split("=", 1);
    const named = this.#options.get(name);
    if (named === undefined) throw this.#unknown(name);
    if (name === arg) return this.#take(name, named);
    if (named.option.value === undefined) {
      const instead = this.#command.gone?.[`${name}=`];
      throw new UsageError(
        `option '${name}' takes no value${instead === undefined ? "" : `: ${instead}`}`,
      );
    }
    this.#words.push({ key: named.key, text: arg.slice(name.length + 1) });
  }

  /** Letters of switches, the last of which may be an option with its value. */
  #short(arg: string): void {
    const [long = ""] = arg.split("=", 1);
    if (this.#options.has(`-${long}`)) { // or `-port 80` would be `-p ort`
      throw new UsageError(`unknown option '${long}': long options have two dashes, -${long}`);
    }
    for (let at = 1; at < arg.length; at++) {
      const name = `-${arg[at]}`;
      const named = this.#options.get(name);
      if (named === undefined) throw this.#unknown(at === 1 ? long : `-${arg.slice(at)}`);
      const rest = arg.slice(at + 1);
      if (rest === "") return this.#take(name, named);
      if (this.#isValue(named.option, rest)) {
        this.#words.push({ key: named.key, text: rest });
        return;
      }
      this.#words.push({ key: named.key, ...(named.option.mayStandAlone ? { text: "" } : {}) });
    }
  }

  /** Whether what follows an option's letter is its value, and not more letters. */
  #isValue({ value, mayStandAlone }: Option<unknown>, rest: string): boolean {
    if (!mayStandAlone) return value !== undefined;
    const isSwitches = [...rest].every((letter) =>
      this.#options.get(`-${letter}`)?.option.value === undefined && this.#options.has(`-${letter}`)
    );
    return !isSwitches && !/^[A-Za-z]/.test(rest);
  }

  /** An option whose value, where it has one, is the next argument. */
  #take(name: string, { key, option: { value, mayStandAlone } }: Named): void {
    if (value === undefined) return void this.#words.push({ key });
    const text = this.#args[this.#next];
    const isMissing = text === undefined || this.#isOption(text, mayStandAlone);
    if (isMissing && !mayStandAlone) {
      throw new UsageError(`option '${name}' needs a value: ${value}`);
    }
    if (!isMissing) this.#next++;
    this.#words.push({ key, text: isMissing ? "" : text });
  }

  /** Whether a word is no value of the option in front of it: an option that there is, or anything like one. */
  #isOption(word: string, orLooksLikeOne: boolean | undefined): boolean {
    if (!word.startsWith("-") || word.length === 1) return false;
    if (orLooksLikeOne) return true;
    return this.#options.has(word.startsWith("--") ? word.split("=")[0]! : word.slice(0, 2));
  }

  #unknown(name: string): UsageError {
    const { gone, name: command } = this.#command;
    const instead = gone?.[name] ?? gone?.[name.slice(0, 2)];
    if (instead !== undefined) {
      const words = instead.startsWith("use ") ? ` is gone: ${instead}` : `: ${instead}`;
      return new UsageError(`option '${name}'${words}`);
    }
    const names = [...this.#options.keys()].filter((known) => known.startsWith("--"));
    const hint = name.length > 2 ? didYouMean(name, names) : "";
    return new UsageError(`unknown option '${name}'${hint || ` (see iomux ${command} --help)`}`);
  }
}
