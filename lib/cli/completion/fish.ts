/** Completions for fish, with what each option is. */
import type { Command } from "../options/command.ts";
import { type Word, wordsOf } from "./words.ts";

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;

export function fishScript(commands: readonly Command[]): string {
  const names = [...commands.map(({ name }) => name), "help"].join(" ");
  const first = `-n "not __fish_seen_subcommand_from ${names}"`;
  const lines = [
    "# fish completion for iomux: iomux completion fish | source",
    "complete -c iomux -f",
    `complete -c iomux ${first} -s V -l version -d 'the version'`,
    `complete -c iomux ${first} -a help -d 'the help of a command'`,
    `complete -c iomux -s h -l help -d 'this help'`,
    `complete -c iomux -n "__fish_seen_subcommand_from help" -a ${
      quoted(commands.map(({ name }) => name).join(" "))
    }`,
    ...commands.map(({ name, about }) =>
      `complete -c iomux ${first} -a ${name} -d ${quoted(about)}`
    ),
    ...commands.flatMap(linesOf),
  ];
  return lines.join("\n") + "\n";
}

function linesOf(command: Command): string[] {
  const { name, operands: { words, file } } = command;
  const here = `complete -c iomux -n "__fish_seen_subcommand_from ${name}"`;
  return [
    ...wordsOf(command).map((word) => lineOf(here, word)),
    ...(file ? [`${here} -F`] : words ? [`${here} -a ${quoted(words.join(" "))}`] : []),
  ];
}

function lineOf(here: string, { names, option }: Word): string {
  const parts = [here, "-l", names[0]!.slice(2)];
  if (names[1]) parts.push("-s", names[1].slice(1));
  if (option.file) parts.push("-r", "-F");
  else if (option.words) parts.push("-x", "-a", quoted(valuesOf(option.words)));
  else if (option.value !== undefined) parts.push("-x");
  return [...parts, "-d", quoted(option.text)].join(" ");
}

/** Behind a tab a word has a description of its own, the empty one; else fish shows that of the option. */
const valuesOf = (words: readonly string[]): string => words.map((word) => `${word}\\t`).join(" ");
