/** Options as all commands declare them: with an environment variable, and values with units. */
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { parseCount, parseDuration, parseRate, parseSize } from "../../text/units.ts";

/** An option whose value can also come from IOMUX_<OPTION>; `--help` shows the name. */
export function option<const Flags extends string>(
  flags: Flags,
  description: string,
): Option<Flags> {
  const made = new Option(flags, description);
  const name = made.long!.replace(/^--(no-)?/, "").replaceAll("-", "_").toUpperCase();
  const variable = `IOMUX_${name}`;
  // commander takes any value of a switch's variable as "on".
  const isSwitch = !made.required && !made.optional;
  if (isSwitch && OFF.has(process.env[variable]?.toLowerCase() ?? "unset")) return made;
  return made.env(variable) as Option<Flags>;
}

const OFF = new Set(["", "0", "false", "no", "off"]);

/** What commander calls for a value; an error becomes one that names the option. */
export const parser = <T>(parse: (text: string) => T): (text: string) => T => (text) => {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message + ".");
  }
};

/** A value in bytes. */
export const size: (text: string) => number = parser(parseSize);
/** A value in milliseconds. */
export const duration: (text: string) => number = parser(parseDuration);

/** A number a second. */
export const rate: (text: string) => number = parser(parseRate);

/** A whole number of at least 1. */
export const atLeastOne: (text: string) => number = parser((text) => {
  const value = parseCount(text);
  if (value < 1) throw new Error(`"${text}" is less than 1`);
  return value;
});

/** A port number; 0 where any free port will do. */
export const port: (text: string) => number = parser((text) => {
  if (!/^\d+$/.test(text) || Number(text) > 65535) {
    throw new Error(`"${text}" is no port: ports go from 0 to 65535`);
  }
  return Number(text);
});

/** A number of threads; "auto" is one for each CPU. */
export const threads: (text: string) => number = parser((text) => {
  if (text === "auto") return process.getBuiltinModule("node:os").availableParallelism();
  const value = parseCount(text);
  if (value < 1 || value > 256) throw new Error(`"${text}" is not between 1 and 256, or auto`);
  return value;
});

/** The path of a Unix socket: sun_path has 108 bytes, one of them for the terminating NUL (unix(7)). */
export function socketPath(text: string): string {
  const { length } = new TextEncoder().encode(text);
  if (length === 0 || length > 107) {
    throw new InvalidArgumentError("The path of a Unix socket has 1 to 107 bytes.");
  }
  return text;
}

/** The value of `--unix`. What stands on the command line wins over the environment. */
export function unixPath(
  command: { getOptionValue(key: "unix"): any; getOptionValueSource(key: "unix"): any },
  target: string | undefined,
): string | undefined {
  const fromEnvironment = command.getOptionValueSource("unix") === "env";
  return target !== undefined && fromEnvironment ? undefined : command.getOptionValue("unix");
}

/** The names that `--selector` takes. */
export const SELECTOR_NAMES = [
  "auto",
  "select",
  "poll",
  "epoll",
  "kqueue",
  "wsapoll",
] as const;

/** The levels of `--log-level`, from much to little. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
/** One of them. */
export type Level = (typeof LOG_LEVELS)[number];
