/** What `iomux stress` does once its options are known: the run, the report, the exit code. */
import type { Spawn } from "../../serve/server.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import { judged } from "../../report/judge/judge.ts";
import { againstBaseline, outcomeBeside, readBaseline } from "../results/baseline.ts";
import { exitCode } from "../results/exit_code.ts";
import { checkWritable } from "../results/files.ts";
import { outcomeOf, publish } from "../results/publish.ts";
import { readThresholds } from "../results/thresholds.ts";
import { AbortWatch, checkAborts } from "./abort.ts";
import type { StressRead } from "./command.ts";
import { checkSettings, interruptible } from "./context.ts";
import { readConfidence, runRounds } from "./rounds.ts";
import { runSession } from "./session.ts";
import { configOf, isOpen, jobOf } from "./settings.ts";
import { beginAt, readStartAt } from "./start_at.ts";
import { sayUnreachable } from "./unreachable.ts";

export async function run(read: StressRead, spawn: Spawn & SpawnLoad): Promise<number> {
  const job = await jobOf(read);
  const { settings, options } = job;
  const startAt = readStartAt(options.startAt);
  await checkSettings(settings);
  if (options.findRate !== undefined) {
    return await (await import("./find_rate.ts")).runFindRate(job, spawn);
  }
  const kind = { open: isOpen(settings), replies: settings.expect.kind !== "none" };
  const thresholds = readThresholds(job.threshold, kind);
  if (options.compare !== undefined) {
    return await (await import("./compare.ts")).runCompare(job, thresholds, spawn);
  }
  const baseline = options.baseline === undefined
    ? undefined
    : readBaseline(options.baseline, configOf(settings));
  const aborts = readThresholds(options.abortOn, kind);
  checkAborts(aborts);
  const wanted = options.confidence === undefined ? null : readConfidence(options.confidence);
  checkWritable(options.output);
  return await interruptible(spawn, options.progress, async (context) => {
    const connected = startAt === null ? {} : beginAt(startAt, context.interruption);
    const watch = new AbortWatch(aborts);
    const watched = watch.around({ ...context, ...connected });
    const { result: raw, firstFailure } = wanted === null
      ? await runSession(settings, watched)
      : await runRounds(settings, wanted, watched);
    const held = watch.judged(judged(raw, thresholds));
    const result = baseline ? againstBaseline(held, baseline) : held;
    context.endLive();
    const unreachable = sayUnreachable(result, firstFailure);
    const outcome = baseline
      ? outcomeBeside(result, baseline, unreachable)
      : outcomeOf(result, unreachable);
    return await publish(outcome, options, exitCode([result], options.strict));
  });
}
