// Writes the manual pages: manuals.ts FOLDER [YYYY-MM-DD]. They are made of what --help is made of.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describeCommands } from "../lib/cli/commands.ts";
import { commandManual, programManual } from "../lib/cli/help/man.ts";
import { VERSION } from "../lib/cli/version.ts";

const [folder, day] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: manuals.ts FOLDER [YYYY-MM-DD]");
const edition = { version: VERSION, date: day === undefined ? new Date() : new Date(day) };
const commands = await describeCommands();
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "iomux.1"), programManual(commands, edition));
for (const command of commands) {
  writeFileSync(join(folder, `iomux-${command.name}.1`), commandManual(command, edition));
}
