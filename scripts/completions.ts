// Writes the completions of every shell: completions.ts FOLDER.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describeCommands } from "../lib/cli/commands.ts";
import { SHELLS } from "../lib/cli/completion/command.ts";
import { SCRIPTS } from "../lib/cli/completion/run.ts";

const FILES = { bash: "iomux.bash", zsh: "_iomux", fish: "iomux.fish", powershell: "iomux.ps1" };

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: completions.ts FOLDER");
const commands = await describeCommands();
mkdirSync(folder, { recursive: true });
for (const shell of SHELLS) writeFileSync(join(folder, FILES[shell]), SCRIPTS[shell]!(commands));
