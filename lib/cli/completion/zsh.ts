/** Completions for zsh, with what each option is. */
import { type Completed, quoted, type Word } from "./words.ts";

/** The script: for `eval`, and as a file `_iomux` in a folder of $fpath. */
export function zshScript(commands: readonly Completed[]): string {
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

function caseOf(command: Completed): string {
  const specs = command.words.map(specOf);
  const all = [...specs, "'(- *)'{-h,--help}'[this help]'", ...operandsOf(command)];
  return `    ${command.name})
      _arguments -s -S ${all.join(" \\\n        ")} ;;
`;
}

/** Where a command has operands: without a word on them _arguments completes nothing that is behind one. */
function operandsOf({ operands: { words, file, usage, most } }: Completed): string[] {
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

/** What completes a value. */
function actionOf({ file, words, commas, narrowed, value }: Word["option"]): string {
  if (file) return "_files";
  if (!words) return " ";
  const all = words.map(escaped).join(" ");
  if (commas) return ` _values -s , ${escaped(value!)} ${all}`;
  if (!narrowed) return `(${all})`;
  const fewer = narrowed.words.map(escaped).join(" ");
  return `{ if (( \${words[(I)--${narrowed.by}]} )); then compadd ${fewer}; else compadd ${all}; fi }`;
}

/** What means something within a specification of _arguments. */
const escaped = (text: string): string => text.replaceAll(/[[\]:\\]/g, "\\$&");
