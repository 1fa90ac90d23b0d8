/** Options as plain data: what the command line, the help, the manual and the completions are made of. */
import { oneOf } from "./values.ts";

/** An option of a command; its long name is its key in a table, "maxBuffer" being `--max-buffer`. */
export interface Option<T> {
  readonly short?: string | undefined;
  /** What stands for the value in the help; undefined for a switch. */
  readonly value: string | undefined;
  readonly text: string;
  /** It may stand without a value, which is then the empty one. */
  readonly mayStandAlone?: boolean | undefined;
  readonly initial: T;
  /** `initial` as the help shows it; nothing is shown without. */
  readonly shown?: string | undefined;
  /** Reads one value. @throws Error that says what is wrong with it */
  readonly parse: (text: string) => unknown;
  /** Given several times, its values add up. */
  readonly repeats: boolean;
  /** The values that there are, or those that can be completed. */
  readonly words?: readonly string[] | undefined;
  readonly file?: boolean | undefined;
  /** What the help page says, where there is no room for `text`. */
  readonly brief?: string | undefined;
  /** The help page has this option and the next in one row. */
  readonly joined?: boolean | undefined;
}

/** What a declaration can say beside the value and the text. */
type More = Partial<Omit<Option<unknown>, "value" | "text" | "initial" | "parse" | "repeats">>;

export const flag = (text: string, more: More = {}): Option<boolean> => ({
  ...more,
  ...{ value: undefined, text, initial: false, repeats: false, parse: parseSwitch },
});

/** An option with a value, undefined where it is not given. */
export const value = <T>(
  name: string,
  text: string,
  parse: (text: string) => T,
  more: More = {},
): Option<T | undefined> => ({
  ...more,
  ...{ value: name, text, initial: undefined, repeats: false, parse },
});

/** An option with a value, and what that is where it is not given. */
export const valued = <T>(
  name: string,
  text: string,
  parse: (text: string) => T,
  initial: T,
  more: More = {},
): Option<T> => ({
  ...{ value: name, text, initial, shown: String(initial), repeats: false, parse },
  ...more,
});

export const choice = <const T extends string>(
  name: string,
  text: string,
  words: readonly T[],
  initial: T,
  more: More = {},
): Option<T> => valued(name, text, oneOf(words), initial, { words, ...more });

/** An option that may be given several times; each value is read as a list. */
export const list = <T>(
  name: string,
  text: string,
  parse: (text: string) => readonly T[],
  more: More = {},
): Option<readonly T[]> => ({
  ...more,
  ...{ value: name, text, initial: [], repeats: true, parse },
});

/** A switch has a value only in an environment variable. */
function parseSwitch(text: string): boolean {
  const word = text.toLowerCase();
  if (["1", "true", "yes", "on"].includes(word)) return true;
  if (["0", "false", "no", "off"].includes(word)) return false;
  throw new Error(`"${text}" is neither 1 nor 0`);
}

/** Options by the names that their values have in the program. */
export type Table = Readonly<Record<string, Option<any>>>;

export type Values<T extends Table> = {
  readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never;
};

export const initialValues = <T extends Table>(table: T): Values<T> =>
  Object.fromEntries(
    Object.entries(table).map(([key, { initial }]) => [key, initial]),
  ) as Values<T>;

/** "max-buffer" from "maxBuffer". */
export const longName = (key: string): string =>
  key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
