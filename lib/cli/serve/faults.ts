/** The options of `iomux serve` for faults on purpose: which there are, and what they make of a server. */
import { type FaultOptions, NO_FAULTS } from "../../serve/faults/options.ts";
import { UsageError } from "../exit.ts";
import { longName } from "../options/option.ts";
import { formatDuration, formatSize } from "../../text/units.ts";
import type { ServeRead } from "./command.ts";

/** What makes a connection a bad one, and what says how. */
const FAULTS = ["delay", "bandwidth", "slice", "resetAfter", "closeAfter", "blackhole"] as const;
const SETTINGS = ["faultRate", "seed"] as const;
/** What takes connections out of the loop, where faults can't reach them. */
const ELSEWHERE = ["handler", "exec"] as const;

export function faultsOf({ options, given, source }: ServeRead): { faults?: FaultOptions } {
  const asked = FAULTS.find((name) => given.has(name) && options[name] !== false);
  if (!asked) {
    for (const name of SETTINGS) {
      if (source(name) !== "cli") continue;
      throw new UsageError(`option '--${longName(name)}' needs a fault, such as --delay 10ms`);
    }
    return {};
  }
  for (const name of ELSEWHERE) {
    if (options[name] === undefined) continue;
    throw new UsageError(
      `option '--${longName(asked)}' cannot be used with '--${name}', which takes connections away`,
    );
  }
  const values = {
    delayMs: options.delay?.ms,
    jitterMs: options.delay?.jitterMs,
    bytesPerSecond: options.bandwidth,
    slice: options.slice,
    resetAfter: options.resetAfter,
    closeAfter: options.closeAfter,
    blackhole: options.blackhole,
    percent: options.faultRate,
  };
  const faults = {
    ...NO_FAULTS,
    ...Object.fromEntries(Object.entries(values).filter(([, is]) => is !== undefined)),
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
    counter: new SharedArrayBuffer(4),
  };
  return { faults };
}

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
