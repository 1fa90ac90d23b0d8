/** The options of `iomux serve` for faults on purpose: which there are, and what they make of a server. */
import { type FaultOptions, NO_FAULTS } from "../../serve/faults/options.ts";
import { UsageError } from "../exit.ts";
import { option, parser, size } from "../options/options.ts";
import {
  formatDuration,
  formatSize,
  parseBandwidth,
  parseCount,
  parsePercent,
  parseVaryingDuration,
} from "../../text/units.ts";

/** The part of a command that is needed here, whatever options it has already. */
interface Command {
  addOption(option: any): unknown;
  getOptionValue(name: any): any;
  getOptionValueSource(name: any): string | undefined;
}

/** By the name of its value: the option itself. */
const FAULTS = {
  delay: option("--delay <dur[±dur]>", "hold every answer back for so long, plus or minus")
    .argParser(parser(parseVaryingDuration)),
  bandwidth: option("--bandwidth <rate>", "send answers no faster, in bytes a second")
    .argParser(parser(parseBandwidth)),
  slice: option("--slice <size>", "send answers in pieces of at most so many bytes")
    .argParser(parser(atLeastOneByte)),
  resetAfter: option("--reset-after <size>", "reset the connection after so many bytes of answers")
    .argParser(size),
  closeAfter: option("--close-after <size>", "close the connection after so many bytes of answers")
    .argParser(size),
  blackhole: option("--blackhole", "read everything and never answer"),
};
const SETTINGS = {
  faultRate: option("--fault-rate <percent>", "the share of connections that have the faults")
    .argParser(parser(parsePercent)),
  seed: option("--seed <n>", "repeat the faults of a run (default: at random, and logged)")
    .argParser(parser(seedNumber)),
};
/** What takes connections out of the loop, where faults can't reach them. */
const ELSEWHERE = { handler: "--handler", exec: "--exec" };

/** Adds the options to the command. */
export function addFaultOptions(command: Command): void {
  for (const added of Object.values({ ...FAULTS, ...SETTINGS })) command.addOption(added);
}

/** The part of ServeOptions that the options ask for. */
export function faultsOf(command: Command): { faults?: FaultOptions } {
  const value = (name: string) => command.getOptionValue(name);
  const [asked] = Object.entries(FAULTS).filter(([name]) => value(name) !== undefined);
  if (!asked) {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if (command.getOptionValueSource(name) !== "cli") continue;
      throw new UsageError(`option '${setting.long}' needs a fault, such as --delay 10ms`);
    }
    return {};
  }
  for (const [name, long] of Object.entries(ELSEWHERE)) {
    if (value(name) === undefined) continue;
    throw new UsageError(
      `option '${asked[1].long}' cannot be used with '${long}', which takes connections away`,
    );
  }
  const given = {
    delayMs: value("delay")?.ms,
    jitterMs: value("delay")?.jitterMs,
    bytesPerSecond: value("bandwidth"),
    slice: value("slice"),
    resetAfter: value("resetAfter"),
    closeAfter: value("closeAfter"),
    blackhole: value("blackhole"),
    percent: value("faultRate"),
  };
  const faults = {
    ...NO_FAULTS,
    ...Object.fromEntries(Object.entries(given).filter(([, is]) => is !== undefined)),
    seed: value("seed") ?? Math.floor(Math.random() * 2 ** 32),
    counter: new SharedArrayBuffer(4),
  };
  return { faults };
}

/** What the log says, so that nobody wonders, and everybody can have the same again. */
export function describeFaults(faults: FaultOptions): string {
  const { delayMs, jitterMs, bytesPerSecond, slice, resetAfter, closeAfter } = faults;
  const parts = [
    delayMs > 0 && `delay ${formatDuration(delayMs)}` +
      (jitterMs > 0 ? ` ± ${formatDuration(jitterMs)}` : ""),
    bytesPerSecond < Infinity && `bandwidth ${formatSize(bytesPerSecond)}/s`,
    slice < Infinity && `slices of ${formatSize(slice)}`,
    resetAfter < Infinity && `reset after ${formatSize(resetAfter)}`,
    closeAfter < Infinity && `close after ${formatSize(closeAfter)}`,
    faults.blackhole && "black hole",
  ].filter(Boolean);
  return `Faults on ${faults.percent} % of connections: ${parts.join(", ") || "none"}; ` +
    `--seed ${faults.seed} repeats them`;
}

function atLeastOneByte(text: string): number {
  const bytes = size(text);
  if (bytes < 1) throw new Error(`"${text}" is less than 1 byte`);
  return bytes;
}

function seedNumber(text: string): number {
  const seed = parseCount(text);
  if (seed >= 2 ** 32) throw new Error(`"${text}" is not below 2^32`);
  return seed;
}
