/** `--find-rate p99<5ms`: the highest rate that holds it. */
import type { Spawn } from "../../serve/server.ts";
import { formatOutcome } from "../../report/text/report.ts";
import type { Search } from "../../result/search.ts";
import { findRate } from "../../stress/run/find_rate.ts";
import { MachineWatch } from "../../stress/run/machine_watch.ts";
import { probesTable, searchRows } from "../../report/search.ts";
import { describeTarget } from "../../report/figures.ts";
import { describeLoad } from "../../report/load.ts";
import { describeVerdict } from "../../report/trust.ts";
import type { StressResult } from "../../result/result.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import type { Threshold } from "../../report/judge/threshold.ts";
import { judged } from "../../report/judge/judge.ts";
import { EXIT, UsageError } from "../exit.ts";
import { exitCode } from "../results/exit_code.ts";
import { checkWritable } from "../results/files.ts";
import { type Outcome, publish } from "../results/publish.ts";
import { readThresholds } from "../results/thresholds.ts";
import { interruptible } from "./context.ts";
import { busyWith, corrected, judgeProbe, messagesFor } from "./probe_judge.ts";
import { formatRate } from "../../text/units.ts";
import { isEmbedded, type RunOutcome, runSession } from "./session.ts";
import type { StressJob } from "./settings.ts";
import { sayUnreachable } from "./unreachable.ts";

/** How long a probe counts, unless `--duration` says otherwise, and the warm-up before it. */
const PROBE_MS = 1000;
const WARM_UP_MS = 200;
/** The longest probe, unless `--duration` is longer. */
const LONGEST_MS = 60_000;
/** For how long the machine is looked at after a probe: the target is idle then. */
const LOOK_MS = 200;
const LOOKS = 3;
/** The first rate, unless `--rate` says otherwise, in messages a second. */
const START = 1000;

export async function runFindRate(job: StressJob, spawn: Spawn & SpawnLoad): Promise<number> {
  const { settings, given, options } = job;
  if (settings.stages.length > 0) throw new UsageError("'--find-rate' has no stages");
  const texts = [...options.findRate!.split(","), ...job.threshold];
  if (settings.expect.kind === "none") {
    throw new UsageError("'--find-rate' needs replies, and --expect none awaits none");
  }
  const thresholds = readThresholds(texts, { open: true, replies: true });
  checkWritable(options.output);
  const duration = given.has("duration") ? settings.durationMs! : PROBE_MS;
  const warmupMs = given.has("warmup") ? settings.warmupMs : WARM_UP_MS;
  return await interruptible(spawn, options.progress, async (context) => {
    let firstFailure: RunOutcome["firstFailure"] = null;
    let cpu: RunOutcome["cpu"] = null;
    const { search, best } = await findRate({
      conditions: thresholds.map(({ expression }) => expression),
      start: settings.rate ?? START,
      seconds: duration / 1000,
      mostSeconds: Math.max(duration, LONGEST_MS) / 1000,
      messages: messagesFor(thresholds),
      runOnce: async (rate, seconds) => {
        context.describe(`probe of ${formatRate(rate)}/s`);
        const probe = { ...settings, rate, durationMs: seconds * 1000, warmupMs };
        const outcome = await runSession(probe, context);
        // A target in a process of its own is one of the other programs: they are known while it is idle.
        cpu = isEmbedded(settings) ? outcome.cpu : await lookAtMachine();
        firstFailure = outcome.firstFailure;
        return outcome.result;
      },
      judge: (result, rate, seconds) => judgeProbe(result, { rate, seconds, thresholds, cpu }),
    });
    context.endLive();
    const result = {
      ...judged(best, thresholds.map(corrected)),
      verdict: verdictOf(search, best),
      interrupted: search.limit === "interrupted", // it is what the result is of
    };
    const unreachable = sayUnreachable(best, firstFailure);
    const outcome = outcomeOf(options, search, result, { thresholds, unreachable });
    return await publish(outcome, options, codeOf(search, result, options.strict));
  });
}

/** What uses the CPUs now. A target that has work left from the probe is not idle at once. */
async function lookAtMachine(): Promise<RunOutcome["cpu"]> {
  let cpu: RunOutcome["cpu"] = null;
  for (let look = 0; look < LOOKS; look++) {
    const watch = new MachineWatch();
    watch.start();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    cpu = watch.cpu();
    if (busyWith(cpu) === null) break;
  }
  return cpu;
}

function verdictOf({ rate, limit }: Search, best: StressResult): StressResult["verdict"] {
  if (best.messages.mismatched > 0 || limit === "broken") return "fail";
  if (rate === null) return limit === "target" ? "fail" : "invalid";
  return limit === "generator" ? "invalid" : "pass";
}

/** As for one run when the target is broken; 7 when no rate holds; 8 when there is no answer. */
function codeOf({ rate, limit }: Search, result: StressResult, strict: boolean): number {
  if (limit === "broken") return exitCode([{ ...result, thresholds: [] }], strict);
  if (rate === null) return limit === "target" ? EXIT.threshold : EXIT.invalid;
  return strict && limit === "generator" ? EXIT.invalid : EXIT.ok;
}

function outcomeOf(
  flags: StressJob["options"],
  search: Search,
  result: StressResult,
  { thresholds, unreachable }: { thresholds: readonly Threshold[]; unreachable: boolean },
): Outcome {
  const table = probesTable(search);
  const load = describeLoad(
    { ...result, config: { ...result.config, rate: null } },
    search.probes.map(({ seconds }) => seconds),
  );
  const latencies = thresholds.some(({ metric }) => metric.kind === "latency");
  const head: [string, string][] = [
    ["target", describeTarget(result)],
    ["load", `${load} for each probe`],
    [
      "condition",
      search.conditions.join(", ") + (latencies ? " (latencies from the scheduled send)" : ""),
    ],
  ];
  const rows = [
    ...searchRows(search),
    ["verdict", describeVerdict(result)] as const,
  ];
  return {
    title: `iomux stress ${result.target} --find-rate ${flags.findRate}`,
    results: [{ name: search.rate === null ? "the last probe" : "the rate found", result }],
    tables: [table],
    verdict: describeVerdict(result),
    ...(result.verdict === "pass" ? {} : { reason: search.reason }),
    text: unreachable ? null : (width) => formatOutcome(head, table, rows, width),
    json: { ...result, find_rate: search },
  };
}
