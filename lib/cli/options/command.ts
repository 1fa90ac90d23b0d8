/** What a command is made of: its options in groups, its operands, its examples. */
import type { Table } from "./option.ts";

type Union<T> = (T extends unknown ? (of: T) => void : never) extends (of: infer I) => void ? I
  : never;

/** A command's description, from which everything that is written about it is made. */
export interface Command<T extends Table = Table> {
  readonly name: string;
  readonly about: string;
  /** What stands on the command line beside options: "[HOST:PORT]", and how many at most. */
  readonly operands: {
    readonly usage: string;
    readonly most: number;
    /** What the help says of them. */
    readonly text?: string;
    /** Those that there are, for completion. */
    readonly words?: readonly string[];
    readonly file?: boolean;
  };
  readonly groups: readonly { readonly title: string; readonly options: Table }[];
  readonly options: T;
  readonly examples: readonly (readonly [command: string, purpose: string])[];
  /** Exit codes with what they mean here; 2, wrong usage, is the same everywhere. */
  readonly exits: Readonly<Record<string, string>>;
  /** Options that other programs have, such as "-e CMD": what there is instead. */
  readonly elsewhere?: Readonly<Record<string, string>>;
}

/** A description with the options of all its groups, of which there may be none. */
type CommandOf<G extends Readonly<Record<string, Table>>> = [keyof G] extends [never]
  ? Command<Record<never, never>>
  : Union<G[keyof G]> extends infer T extends Table ? Command<T>
  : never;

/** Makes a description; groups are options by their titles, in the order in which they are shown. */
export function command<const G extends Readonly<Record<string, Table>>>(
  description: Omit<Command, "groups" | "options"> & { readonly groups: G },
): CommandOf<G> {
  const groups = Object.entries(description.groups)
    .map(([title, options]) => ({ title, options: options as Table }));
  const options = Object.assign({}, ...groups.map((group) => group.options));
  return { ...description, groups, options } as unknown as CommandOf<G>;
}
