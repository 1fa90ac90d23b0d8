/** What `iomux stress` does once its options are known: the run, the report, the exit code. */
import type { Spawn } from "../../serve/server.ts";
import type { StressResult } from "../../result/result.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import { judged } from "../../report/judge/judge.ts";
import type { Watched } from "../../stress/run/watch.ts";
import { EXIT, UsageError } from "../exit.ts";
import { isColorful, liveLine } from "../live/line.ts";
import { stressLine } from "../live/stress.ts";
import { err } from "../output.ts";
import { checkSelector } from "../options/selector.ts";
import { onSignals } from "../signals.ts";
import { beginAt, readStartAt } from "./start_at.ts";
import { againstBaseline, publishWithBaseline, readBaseline } from "./baseline.ts";
import { checkDescriptors } from "./limits.ts";
import { checkWritable, publish, type ReportFlags } from "./reports.ts";
import { isEmbedded, type RunContext, runSession, type RunSettings } from "./session.ts";
import { readThresholds } from "./thresholds.ts";
import { checkClientTls } from "../options/tls_check.ts";
import { withAdvice } from "../options/tls.ts";

/** Everything that the command line asks for beside the run itself. */
export interface StressFlags extends ReportFlags {
  readonly settings: RunSettings;
  /** The names of the options that were given, here or in a scenario. */
  readonly given: ReadonlySet<string>;
  readonly threshold: readonly string[];
  readonly compare?: string | undefined;
  readonly findRate?: string | undefined;
  readonly strict: boolean;
  readonly merge?: readonly string[] | undefined;
  readonly startAt?: string | undefined;
  readonly baseline?: string | undefined;
  readonly profile?: string | undefined;
  readonly processes?: number | undefined;
}

/** Runs the load and reports; returns the exit code. */
export async function run(flags: StressFlags, spawn: Spawn & SpawnLoad): Promise<number> {
  const { settings } = flags;
  checkModes(flags);
  if (flags.merge !== undefined) {
    return await (await import("../report/run.ts")).runMerge(flags, flags.merge);
  }
  if (flags.profile !== undefined) {
    return await (await import("../probe/run.ts")).runProfile(flags, flags.profile, spawn);
  }
  const startAt = readStartAt(flags);
  await checkSettings(settings);
  if (flags.findRate !== undefined) {
    return await (await import("./find_rate.ts")).runFindRate(flags, spawn);
  }
  const thresholds = readThresholds(flags.threshold, settings);
  if (flags.compare !== undefined) {
    return await (await import("./compare.ts")).runCompare(flags, thresholds, spawn);
  }
  const baseline = flags.baseline === undefined
    ? undefined
    : readBaseline(flags.baseline, settings);
  checkWritable(flags);
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
    if (baseline) await publishWithBaseline(result, baseline, flags, unreachable);
    else await publish(result, flags, unreachable);
    return exitCode(result, flags.strict);
  });
}

/** Ways to use the command that can't be had at the same time. @throws UsageError */
function checkModes(flags: StressFlags): void {
  const modes = (["compare", "findRate", "baseline", "profile", "merge"] as const)
    .filter((mode) => flags[mode] !== undefined)
    .map((mode) => mode === "findRate" ? "--find-rate" : `--${mode}`);
  if (modes.length > 1) throw new UsageError(`${modes[0]} and ${modes[1]} exclude each other`);
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

/**
 * The gravest thing that happened. Wrong bytes come first; then a threshold, since who sets one says
 * what counts, unless nobody could be reached at all.
 */
export function exitCode(result: StressResult, strict: boolean): number {
  const { messages, connections, errors, thresholds, verdict } = result;
  if (messages.mismatched > 0) return EXIT.verification;
  const reached = connections.established > 0;
  const regressed = result.baseline !== undefined && result.baseline.regressed.length > 0;
  if (reached && (regressed || thresholds.some(({ ok }) => !ok))) return EXIT.threshold;
  if (connections.failed > 0) {
    // Somebody answered, but not as one that can be talked to.
    if (Object.keys(errors).some((code) => code.startsWith("TLS_"))) return EXIT.failed;
    const timedOut = Object.keys(errors).every((code) => code === "ETIMEDOUT");
    return timedOut ? EXIT.timeout : EXIT.unreachable;
  }
  if (messages.timed_out > 0) return EXIT.timeout;
  if (messages.lost > 0 || connections.lost > 0) return EXIT.peerGone;
  if (result.partial) return EXIT.failed;
  if (verdict === "invalid" && strict) return EXIT.invalid;
  return EXIT.ok;
}

const GRAVITY: readonly number[] = [
  EXIT.verification,
  EXIT.threshold,
  EXIT.unreachable,
  EXIT.failed,
  EXIT.timeout,
  EXIT.peerGone,
  EXIT.invalid,
];

/** The gravest thing that happened in several runs. */
export function gravest(results: readonly StressResult[], strict: boolean): number {
  const codes = results.map((result) => exitCode(result, strict));
  return GRAVITY.find((code) => codes.includes(code)) ?? EXIT.ok;
}
