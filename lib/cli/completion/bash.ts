/** Completions for bash, 3.2 and later; nothing else has to be installed. */
import type { Command } from "../options/command.ts";
import type { Option } from "../options/option.ts";
import { quoted, wordsOf } from "./words.ts";

export function bashScript(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name);
  return `# bash completion for iomux: eval "$(iomux completion bash)"
_iomux() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="" command="" i
  ((COMP_CWORD > 0)) && prev="\${COMP_WORDS[COMP_CWORD-1]}"
  # bash takes "--option=value" for three words.
  if [[ $cur == "=" ]]; then
    cur=""
  elif [[ $prev == "=" ]]; then
    prev="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -* ]] || { command="\${COMP_WORDS[i]}"; break; }
  done
  COMPREPLY=()
  case "$command" in
  "") COMPREPLY=($(compgen -W ${
    quoted(["help", ...names, "--help", "--version"].join(" "))
  } -- "$cur")) ;;
  help) COMPREPLY=($(compgen -W ${quoted(names.join(" "))} -- "$cur")) ;;
${commands.map(caseOf).join("")}  esac
}
_iomux_words() {
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
  # A value that goes on has no space behind it.
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *: ]] && compopt -o nospace 2>/dev/null
}
_iomux_files() {
  compopt -o filenames 2>/dev/null
  local IFS=$'\\n'
  COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _iomux iomux
`;
}

const action = ({ file, words }: Pick<Option<unknown>, "file" | "words">): string =>
  file ? "_iomux_files" : words ? `_iomux_words ${quoted(words.join(" "))}` : ":";

function caseOf(command: Command): string {
  const words = wordsOf(command);
  const values = words.filter(({ option }) => option.value !== undefined)
    .map(({ names, option }) => `    ${names.join("|")}) ${action(option)}; return ;;\n`);
  const all = [...words.flatMap(({ names }) => names[0]!), "--help"].join(" ");
  return `  ${command.name})
    case "$prev" in
${values.join("")}    esac
    if [[ $cur == -* ]]; then
      COMPREPLY=($(compgen -W ${quoted(all)} -- "$cur"))
    else
      ${action(command.operands)}
    fi ;;
`;
}
