/** The command line: which command, and what becomes of errors. */
import { didYouMean } from "../text/nearest.ts";
import { COMMANDS, describeCommands, type SpawnThread } from "./commands.ts";
import { exitCodeOf, UsageError } from "./exit.ts";
import { adviceFor, checkLimits } from "./limits.ts";
import { columnsOf, print, say } from "./output.ts";
import { VERSION } from "./version.ts";

/** Runs the command line and returns the exit code. Never throws. */
export async function main(args: readonly string[], spawn: SpawnThread): Promise<number> {
  // It forces a selector on programs that use the library; here it is an option.
  delete process.env.IOMUX_SELECTOR;
  try {
    return await run(args, spawn);
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    say(failure.message + adviceFor(failure));
    return exitCodeOf(error);
  }
}

async function run([name, ...args]: readonly string[], spawn: SpawnThread): Promise<number> {
  if (name === undefined) throw new UsageError("missing command (see iomux --help)");
  if (name === "-V" || name === "--version") {
    if (args[0] !== undefined) throw tooMany(args[0]);
    return await print(`${VERSION}\n`);
  }
  if (name === "-h" || name === "--help" || name === "help") return await help(args[0], args[1]);
  if (name.startsWith("-")) throw unknown("option", name, ["--help", "--version"]);
  const command = commandOf(name, ["help", "--version"]);
  const description = await command.describe();
  if (asksFor(["--help", "-h"], args)) return await help(name);
  if (asksFor(["--version"], args)) return await print(`${VERSION}\n`);
  const { read } = await import("./options/read.ts"); // commander, which --help needs not
  const values = read(description, args, process.env);
  for (const warning of values.warnings) say(warning);
  if (command.connects) checkLimits(name);
  try {
    return await command.run(values, spawn);
  } catch (error) {
    if (error instanceof Error) error.message = values.withVariables(error.message);
    throw error;
  }
}

/** Whether one of the words is among the arguments, in front of "--". */
function asksFor(words: readonly string[], args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((arg) => words.includes(arg));
}

async function help(name?: string, extra?: string): Promise<number> {
  if (extra !== undefined) throw tooMany(extra);
  const page = await import("./help/page.ts");
  const columns = columnsOf("stdout");
  if (name === undefined || ["help", "--help", "-h"].includes(name)) {
    return await print(page.programPage(await describeCommands(), columns));
  }
  const command = commandOf(name);
  return await print(page.commandPage(await command.describe(), columns));
}

/** `others` are what else stands where a command does. */
function commandOf(name: string, others: readonly string[] = []) {
  // Not `toString` and the others that every object has.
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]!;
  throw unknown("command", name, [...Object.keys(COMMANDS), ...others]);
}

const tooMany = (extra: string): UsageError =>
  new UsageError(`too many arguments: "${extra}" (see iomux --help)`);

const unknown = (what: string, name: string, names: readonly string[]): UsageError =>
  new UsageError(`unknown ${what} '${name}'${didYouMean(name, names) || " (see iomux --help)"}`);
