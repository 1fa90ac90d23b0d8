/** `iomux info`: what works here, which limits there are, and what to change for more. */
import { Command } from "@commander-js/extra-typings";
import { atLeastOne, option } from "../options/options.ts";
import { out } from "../output.ts";

/** The command, to be added to the program. */
export function infoCommand(): Command {
  const command = new Command("info")
    .description("runtime, system, selectors and limits")
    .addOption(option("--json", "as JSON"))
    .addOption(
      option("--connections <n>", "what to change for this many connections").argParser(atLeastOne),
    );
  return command.action(async (flags) => {
    const { collectInfo, formatInfo } = await import("./run.ts");
    const info = await collectInfo();
    out(flags.json ? JSON.stringify(info, null, 2) + "\n" : formatInfo(info, flags.connections));
  }) as unknown as Command;
}
