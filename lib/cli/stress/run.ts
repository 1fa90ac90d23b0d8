/** What `iomux stress` does once its options are known: the run, the report, the exit code. */
import type { Spawn } from "../../serve/server.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import { judged } from "../../report/judge/judge.ts";
import type { Watched } from "../../stress/run/watch.ts";
import { showExpectation } from "../../stress/run/summary.ts";
import { UsageError } from "../exit.ts";
import { isColorful, liveLine } from "../live/line.ts";
import { stressLine } from "../live/stress.ts";
import { err } from "../output.ts";
import { checkSelector } from "../options/selector.ts";
import { againstBaseline, outcomeBeside, readBaseline } from "../results/baseline.ts";
import { exitCode } from "../results/exit_code.ts";
import { checkWritable } from "../results/files.ts";
import type { OutputFlags } from "../results/outputs.ts";
import { outcomeOf, publish } from "../results/publish.ts";
import { readThresholds } from "../results/thresholds.ts";
import { onSignals } from "../signals.ts";
import { beginAt, readStartAt } from "./start_at.ts";
import { checkDescriptors } from "./limits.ts";
import { isEmbedded, type RunContext, runSession, type RunSettings } from "./session.ts";
import { checkClientTls } from "../options/tls_check.ts";
import { withAdvice } from "../options/tls.ts";

/** Everything that the command line asks for beside the run itself. */
export interface StressFlags extends OutputFlags {
  readonly settings: RunSettings;
  /** The names of the options that were given, here or in a scenario. */
  readonly given: ReadonlySet<string>;
  readonly threshold: readonly string[];
  readonly compare?: string | undefined;
  readonly findRate?: string | undefined;
  readonly strict: boolean;
  readonly startAt?: string | undefined;
  readonly baseline?: string | undefined;
  readonly processes?: number | undefined;
}

/** Runs the load and reports; returns the exit code. */
export async function run(flags: StressFlags, spawn: Spawn & SpawnLoad): Promise<number> {
  const { settings } = flags;
  checkModes(flags);
  const startAt = readStartAt(flags);
  await checkSettings(settings);
  if (flags.findRate !== undefined) {
    return await (await import("./find_rate.ts")).runFindRate(flags, spawn);
  }
  const thresholds = readThresholds(flags.threshold, kindOf(settings));
  if (flags.compare !== undefined) {
    return await (await import("./compare.ts")).runCompare(flags, thresholds, spawn);
  }
  const baseline = flags.baseline === undefined
    ? undefined
    : readBaseline(flags.baseline, configOf(settings));
  checkWritable(flags.output);
  return await interruptible(spawn, async (context) => {
    const connected = startAt === null ? {} : beginAt(startAt, context.interruption);
    const { result: raw, tlsFailure } = await runSession(settings, { ...context, ...connected });
    const held = judged(raw, thresholds);
    const result = baseline ? againstBaseline(held, baseline) : held;
    context.endLive();
    const unreachable = result.connections.established === 0 && !result.interrupted;
    if (unreachable && tlsFailure) {
      err(`iomux: ${withAdvice(tlsFailure.code, tlsFailure.message)}\n`);
    } else if (unreachable) {
      const codes = Object.keys(result.errors).join(", ");
      err(`iomux: Cannot connect to ${result.target}: ${codes}\n`);
    }
    const outcome = baseline
      ? outcomeBeside(result, baseline, unreachable)
      : outcomeOf(result, unreachable);
    return await publish(outcome, flags, exitCode([result], flags.strict));
  });
}

/** Ways to use the command that can't be had at the same time. @throws UsageError */
function checkModes(flags: StressFlags): void {
  const modes = (["compare", "findRate", "baseline"] as const)
    .filter((mode) => flags[mode] !== undefined)
    .map((mode) => mode === "findRate" ? "--find-rate" : `--${mode}`);
  if (modes.length > 1) throw new UsageError(`${modes[0]} and ${modes[1]} exclude each other`);
}

/** Whether messages leave on a schedule, whatever comes back. */
export const isOpen = ({ rate, stages }: Pick<RunSettings, "rate" | "stages">): boolean =>
  rate !== null || stages.some((stage) => stage.rate);

/** What a run is like, for its thresholds. */
const kindOf = (settings: RunSettings) => ({
  open: isOpen(settings),
  replies: settings.expect.kind !== "none",
});

/** Settings as a result has them. */
export function configOf(settings: RunSettings): Record<string, unknown> {
  const { ramp: rampMs, tick: tickMs, expect, ...same } = settings;
  return { ...same, rampMs, tickMs, expect: showExpectation(expect) };
}

/** What can be known to be wrong before anything starts. @throws UsageError */
export async function checkSettings(settings: RunSettings): Promise<void> {
  checkSelector(settings.clientSelector);
  checkSelector(settings.selector);
  if (settings.tls) await checkClientTls(settings.tls);
  checkDescriptors(settings.connections, isEmbedded(settings), settings.processes);
}

/** A context with a live view, which can be taken away before something else is printed. */
export interface LiveContext extends RunContext {
  endLive(): void;
}

/**
 * Gives a context to `action` whose runs end at the first SIGINT or SIGTERM; its code then replaces that
 * of the action. A second one ends the process.
 */
export async function interruptible(
  spawn: Spawn & SpawnLoad,
  action: (context: LiveContext) => Promise<number>,
): Promise<number> {
  const interruption = new AbortController();
  let signalCode: number | undefined;
  let current: Watched | undefined;
  const endLive = liveLine(stressLine(() => current, isColorful()));
  const restore = onSignals({
    first(code) {
      signalCode = code;
      interruption.abort();
    },
    second(code) {
      endLive();
      process.exit(code);
    },
  });
  try {
    const code = await action({
      spawn,
      interruption: interruption.signal,
      began: (run) => current = run,
      endLive,
    });
    return signalCode ?? code;
  } finally {
    endLive();
    restore();
  }
}
