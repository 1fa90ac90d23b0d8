/** What `iomux completion` does: a shell's script from the descriptions of all commands. */
import { UsageError } from "../exit.ts";
import type { Command } from "../options/command.ts";
import { noSuch } from "../options/values.ts";
import { print } from "../output.ts";
import { bashScript } from "./bash.ts";
import { type CompletionRead, SHELLS } from "./command.ts";
import { fishScript } from "./fish.ts";
import { powershellScript } from "./powershell.ts";
import { zshScript } from "./zsh.ts";

export const SCRIPTS: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  powershell: powershellScript,
  pwsh: powershellScript,
};

export async function run(
  { operands }: CompletionRead,
  commands: readonly Command[],
): Promise<number> {
  const [shell] = operands;
  if (shell === undefined) throw new UsageError(`missing shell: ${SHELLS.join(", ")}`);
  if (!Object.hasOwn(SCRIPTS, shell)) throw new UsageError(noSuch("shell ", shell, SHELLS));
  return await print(SCRIPTS[shell]!(commands));
}
