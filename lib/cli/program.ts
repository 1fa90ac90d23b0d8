/** The command line: which command, and what becomes of errors. */
import { Command, CommanderError } from "@commander-js/extra-typings";
import type { SpawnHandler } from "../serve/handoff/handler_pool.ts";
import type { Spawn } from "../serve/server.ts";
import type { SpawnProbe } from "../probe/plan.ts";
import type { SpawnLoad } from "../stress/run/run.ts";
import { clientCommand } from "./client/command.ts";
import { EXIT, exitCodeOf } from "./exit.ts";
import { infoCommand } from "./info/command.ts";
import { err, out } from "./output.ts";
import { PART_COMMAND } from "./self.ts";
import { probeCommand } from "./probe/command.ts";
import { reportCommand } from "./report/command.ts";
import { serveCommand } from "./serve/command.ts";
import { stressCommand } from "./stress/command.ts";
import { VERSION } from "./version.ts";

/** Starts a thread of any role. */
export type SpawnThread = Spawn & SpawnHandler & SpawnLoad & SpawnProbe;

function buildProgram(spawn: SpawnThread, done: (code: number) => void): Command {
  const program = new Command("iomux")
    .description("I/O multiplexing: a TCP server, client and load generator on real readiness")
    .version(VERSION, "-V, --version")
    .showSuggestionAfterError()
    .configureOutput({ writeOut: out, writeErr: () => {} })
    .exitOverride();
  for (
    const command of [
      serveCommand(spawn, done),
      clientCommand(done),
      stressCommand(spawn, done),
      probeCommand(spawn, done),
      reportCommand(done),
      infoCommand(),
    ]
  ) {
    program.addCommand(command.copyInheritedSettings(program));
  }
  return program as unknown as Command;
}

/** Runs the command line and returns the exit code. Never throws. */
export async function main(args: readonly string[], spawn: SpawnThread): Promise<number> {
  let code: number = EXIT.ok;
  try {
    if (args.length === 0) {
      throw new CommanderError(EXIT.usage, "iomux.missing", "error: missing command (see --help)");
    }
    if (args[0] === PART_COMMAND) {
      return await (await import("./stress/part.ts")).runPart(spawn);
    }
    await buildProgram(spawn, (c) => code = c).parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok; // --help, --version
      err(`iomux: ${oneLine(error.message.replace(/^error: /, ""))}\n`);
      return EXIT.usage;
    }
    err(`iomux: ${oneLine((error as Error).message ?? String(error))}\n`);
    return exitCodeOf(error);
  }
}

const oneLine = (text: string) => text.trim().replace(/\s*\n\s*/g, " ");
