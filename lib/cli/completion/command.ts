/** `iomux completion`: its options. */
import { command } from "../options/command.ts";
import type { ReadOf } from "../options/read.ts";

export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

export const COMPLETION = command({
  name: "completion",
  about: "a script that completes commands, options and values in a shell",
  operands: { usage: SHELLS.join(" | "), most: 1, words: SHELLS },
  groups: {},
  examples: [
    ['eval "$(iomux completion bash)"', "in ~/.bashrc"],
    ['eval "$(iomux completion zsh)"', "in ~/.zshrc, after compinit"],
    ["iomux completion fish | source", "in ~/.config/fish/config.fish"],
    ["iomux completion powershell | Out-String | Invoke-Expression", "in $PROFILE"],
  ],
  exits: { 0: "printed" },
});

export type CompletionRead = ReadOf<typeof COMPLETION>;
