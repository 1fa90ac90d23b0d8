/** Completions for fish, with what each option is. */
import type { Completed, Word } from "./words.ts";

/** Text within single quotes of fish. */
const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;

/** What can follow in a list with commas; __fish_complete_list knows neither quotes nor what is there already. */
const LIST = String.raw`function __iomux_list
  set -l front (string replace -r '^(?:--[^=]*=)?["\']?((?:.*,)?)[^,]*$' '$1' -- (commandline -ct))
  for word in $argv
    contains -- $word (string split , -- $front); or printf '%s%s\t\n' $front $word
  end
end`;

export function fishScript(commands: readonly Completed[]): string {
  const names = [...commands.map(({ name }) => name), "help"].join(" ");
  const first = `-n "not __fish_seen_subcommand_from ${names}"`;
  const lines = [
    "# fish completion for iomux: iomux completion fish | source",
    LIST,
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

function linesOf({ name, words: options, operands: { words, file } }: Completed): string[] {
  const here = `complete -c iomux -n "__fish_seen_subcommand_from ${name}"`;
  return [
    ...options.map((word) => lineOf(here, word)),
    ...(file ? [`${here} -F`] : words ? [`${here} -a ${quoted(words.join(" "))}`] : []),
  ];
}

function lineOf(here: string, { names, option }: Word): string {
  const parts = [here, "-l", names[0]!.slice(2)];
  if (names[1]) parts.push("-s", names[1].slice(1));
  if (option.file) parts.push("-r", "-F");
  else if (option.words) parts.push("-x", "-a", quoted(valuesOf(option, option.words)));
  else if (option.value !== undefined) parts.push("-x");
  return [...parts, "-d", quoted(option.text)].join(" ");
}

/**
 * What completes a value: words, or a command that prints them. Behind a tab a word has a description of its
 * own, the empty one; else fish shows that of the option beside each.
 */
function valuesOf({ commas, narrowed }: Word["option"], words: readonly string[]): string {
  const described = (words: readonly string[]) => words.map((word) => `${word}\\t`).join(" ");
  const all = described(words);
  if (commas) return `(__iomux_list ${words.join(" ")})`;
  if (!narrowed) return all;
  const asked = `string match -q -- --${narrowed.by} (commandline -opc)`;
  return `(if ${asked}; printf "%s\\n" ${
    described(narrowed.words)
  }; else; printf "%s\\n" ${all}; end)`;
}
