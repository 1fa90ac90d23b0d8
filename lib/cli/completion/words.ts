/** What can stand where on a command line, for the scripts of all shells. */
import type { Command } from "../options/command.ts";
import { longName, type Option } from "../options/option.ts";

/** A command as a shell sees it. */
export interface Completed {
  readonly name: string;
  readonly about: string;
  readonly operands: Command["operands"];
  readonly words: readonly Word[];
}

/** An option as a shell sees it. */
export interface Word {
  /** "--port", and "-p" if there is one. */
  readonly names: readonly string[];
  readonly option: Option<unknown>;
}

const BSD = ["darwin", "freebsd"];
/** Values that work on some systems only, though all of them know the name: systems as node:process names them. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  poll: ["linux", "android", ...BSD],
  epoll: ["linux", "android"],
  uring: ["linux", "android"],
  kqueue: BSD,
  wsapoll: ["win32"],
};

/** The commands with the values that can work on a system. */
export const completed = (commands: readonly Command[], system: string): Completed[] =>
  commands.map(({ name, about, operands, options }) => ({
    ...{ name, about, operands },
    words: Object.entries(options).map(([key, option]) => ({
      names: [`--${longName(key)}`, ...(option.short === undefined ? [] : [`-${option.short}`])],
      option: {
        ...option,
        words: option.words?.filter((word: string) => ONLY[word]?.includes(system) ?? true),
      },
    })),
  }));

/** Text within single quotes of a POSIX shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
