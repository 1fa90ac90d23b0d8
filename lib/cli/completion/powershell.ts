/** Completions for PowerShell, 5 and later. */
import type { Command } from "../options/command.ts";
import { wordsOf } from "./words.ts";

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const list = (words: readonly string[]): string => `@(${words.map(quoted).join(", ")})`;

/** The script. A value that is a file is left to PowerShell, which completes those by itself. */
export function powershellScript(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name);
  const tables = commands.map((command) => {
    const words = wordsOf(command);
    const values = words.filter(({ option }) => option.value !== undefined).map(
      ({ names, option }) => names.map((name) => `${quoted(name)} = ${list(option.words ?? [])}`),
    );
    // Keys of a hash table are the same in upper case; those of this one are not.
    return `  $commands[${quoted(command.name)}] = @{
    Options = ${list([...words.flatMap(({ names }) => names[0]!), "--help"])}
    Operands = ${list(command.operands.words ?? [])}
    Values = New-Object System.Collections.Hashtable ([StringComparer]::Ordinal)
  }
${
      values.flat().map((pair) =>
        `  $commands[${quoted(command.name)}].Values[${pair.replace(" = ", "] = ")}\n`
      ).join("")
    }`;
  });
  return `# PowerShell completion for iomux: iomux completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName iomux -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = @{}
${tables.join("")}  $words = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
  if ($wordToComplete -ne '' -and $words.Count -gt 1) { $words = $words[0..($words.Count - 2)] }
  $name = $words | Select-Object -Skip 1 | Where-Object { $_ -notlike '-*' } | Select-Object -First 1
  if ($null -eq $name) {
    $found = ${list([...names, "help", "--help", "--version"])}
  } elseif ($name -eq 'help') {
    $found = ${list(names)}
  } elseif ($null -eq $commands[$name]) {
    $found = @()
  } elseif ($commands[$name].Values.ContainsKey($words[-1])) {
    $found = $commands[$name].Values[$words[-1]]
  } elseif ($wordToComplete -like '-*') {
    $found = $commands[$name].Options
  } else {
    $found = $commands[$name].Operands
  }
  $found | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
