/** What can stand where on a command line, for the scripts of all shells. */
import type { Command } from "../options/command.ts";
import { longName, type Option } from "../options/option.ts";

/** An option as a shell sees it. */
export interface Word {
  /** "--port", and "-p" if there is one. */
  readonly names: readonly string[];
  readonly option: Option<unknown>;
}

export const wordsOf = ({ options }: Command): Word[] =>
  Object.entries(options).map(([key, option]) => ({
    names: [`--${longName(key)}`, ...(option.short === undefined ? [] : [`-${option.short}`])],
    option,
  }));

/** Text within single quotes of a POSIX shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
