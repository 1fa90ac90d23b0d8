/** Completions for zsh, with what each option is. */
import type { Command } from "../options/command.ts";
import { quoted, type Word, wordsOf } from "./words.ts";

/** The script: for `eval`, and as a file `_iomux` in a folder of $fpath. */
export function zshScript(commands: readonly Command[]): string {
  const list = commands.map(({ name, about }) => `    ${quoted(`${escaped(name)}:${about}`)}\n`);
  const names = commands.map(({ name }) => name).join(" ");
  return `#compdef iomux
# zsh completion for iomux: eval "$(iomux completion zsh)", after compinit
_iomux() {
  local curcontext="$curcontext" state line
  local -a commands
  commands=(
${list.join("")}    'help:the help of a command'
  )
  _arguments -C '(- *)'{-h,--help}'[help]' '(- *)'{-V,--version}'[the version]' \\
    '1: :->command' '*:: :->rest'
  case $state in
  command) _describe -t commands command commands ;;
  rest)
    case $line[1] in
    help) _arguments '1:command:(${names})' ;;
${commands.map(caseOf).join("")}    esac ;;
  esac
}
if [ "$funcstack[1]" = "_iomux" ]; then
  _iomux "$@"
else
  compdef _iomux iomux
fi
`;
}

function caseOf(command: Command): string {
  const specs = wordsOf(command).map(specOf);
  const all = [...specs, "'(- *)'{-h,--help}'[this help]'", ...operandsOf(command)];
  return `    ${command.name})
      _arguments -s -S ${all.join(" \\\n        ")} ;;
`;
}

/** Where a command has operands: without a word on them _arguments completes nothing that is behind one. */
function operandsOf({ operands: { words, file, usage, most } }: Command): string[] {
  if (most === 0) return [];
  if (file) return [quoted("*:file:_files")];
  return [quoted(words ? `*:${escaped(usage)}:(${words.join(" ")})` : "*:host:_hosts")];
}

function specOf({ names, option }: Word): string {
  const text = `[${escaped(option.text)}]`;
  const value = option.value === undefined ? "" : `:${escaped(option.value)}:${actionOf(option)}`;
  const [long, short] = names.map((name) =>
    name + (option.value === undefined ? "" : name.startsWith("--") ? "=" : "+")
  );
  const others = option.repeats ? "*" : `(${names.join(" ")})`;
  return short === undefined
    ? quoted(`${option.repeats ? "*" : ""}${long}${text}${value}`)
    : `${quoted(others)}{${short},${long}}${quoted(`${text}${value}`)}`;
}

const actionOf = ({ file, words }: Word["option"]): string =>
  file ? "_files" : words ? `(${words.map(escaped).join(" ")})` : " ";

/** What means something within a specification of _arguments. */
const escaped = (text: string): string => text.replaceAll(/[[\]:\\]/g, "\\$&");
