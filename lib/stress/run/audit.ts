/** The generator about itself: how it fared, and whether it or something else has limited the run. */
import { NOTHING, ownFault } from "../../result/audit/bottleneck.ts";
import { type Elsewhere, nothingSpent, type Spent } from "../../result/elsewhere.ts";
import type { CpuUse, Evidence } from "../../result/audit/evidence.ts";
import { describeLimit } from "../../result/audit/limit.ts";
import { notes } from "../../result/audit/notes.ts";
import type { LoadResult, TimerError } from "../plan/plan.ts";
import type { GeneratorReport, InFlight } from "../../result/result.ts";
import { rateProfile } from "../../result/segments.ts";
import type { Run } from "./run.ts";

export interface AuditSurroundings {
  /** The embedded server, if there is one. */
  readonly server: { readonly stats: unknown; readonly workers: number } | null;
  readonly kernel: Record<string, number> | null;
  readonly cpu: CpuUse | null;
  readonly openFiles: number;
}

type ThreadReport = Pick<
  LoadResult,
  "cpu" | "stalls" | "scheduled" | "unsent" | "timer" | "heldMs" | "sent"
>;

/** The verdict on a run, and the figures that it rests on. */
export function audit(
  evidence: Evidence,
  threads: readonly ThreadReport[],
): GeneratorReport {
  const sum = (pick: (thread: ThreadReport) => number) =>
    threads.reduce((total, thread) => total + pick(thread), 0);
  const { lag, open } = evidence;
  const reason = ownFault(evidence);
  const limit = reason ?? describeLimit(evidence);
  const said = reason === null || reason.startsWith(NOTHING) ? limit : `the generator: ${limit}`;
  return {
    cpu_percent: Math.round(evidence.busiest * 10) / 10,
    schedule_lag_us: { p50: lag.p50, p99: lag.p99, max: lag.max },
    timer_us: timerOf(threads),
    bottleneck: reason !== null,
    reason,
    limited_by: [said, ...notes(evidence, reason).filter((note) => note !== said)].join("; "),
    loop_stalls: {
      count: sum(({ stalls }) => stalls.count),
      max_us: Math.round(evidence.longestStallMs * 1000),
    },
    cpu_s: {
      user: sum(({ cpu }) => cpu.user) / 1000,
      system: sum(({ cpu }) => cpu.system) / 1000,
    },
    scheduled: open ? evidence.scheduled : null,
    unsent: evidence.unsent,
  };
}

/** The least precise timer of all threads, and what its error has added to the messages of all. */
function timerOf(threads: readonly ThreadReport[]): GeneratorReport["timer_us"] {
  const timers = threads.flatMap(({ timer }) => timer ?? []);
  if (timers.length === 0) return null;
  const us = (ms: number) => Math.round(ms * 10_000) / 10;
  const most = (pick: (timer: TimerError) => number) => us(Math.max(...timers.map(pick)));
  const total = (pick: (thread: ThreadReport) => number) =>
    threads.reduce((sum, thread) => sum + pick(thread), 0);
  return {
    p50: most(({ p50Ms }) => p50Ms),
    p99: most(({ p99Ms }) => p99Ms),
    together: most(({ togetherMs }) => togetherMs),
    added: us(total(({ heldMs }) => heldMs) / Math.max(1, total(({ sent }) => sent))),
  };
}

/** For each cause messages on average: their time by that of the run. */
function elsewhereOf(threads: readonly LoadResult[], seconds: number): Spent {
  const spent = nothingSpent();
  for (const { elsewhereMs } of threads) {
    for (const cause of Object.keys(spent) as Elsewhere[]) {
      spent[cause] += elsewhereMs[cause] / 1000 / seconds;
    }
  }
  return spent;
}

/**
 * What is known of a run of so many seconds (Infinity where messages never counted), its messages a second, and the
 * mean latency of these in microseconds.
 */
export function evidenceOf(
  run: Run,
  threads: readonly LoadResult[],
  { seconds, rate, mean, around, closure }: {
    seconds: number;
    rate: number;
    mean: number;
    around: AuditSurroundings;
    closure: InFlight | null;
  },
): Evidence {
  const { plan } = run;
  const sum = (pick: (thread: LoadResult) => number) =>
    threads.reduce((total, thread) => total + pick(thread), 0);
  const most = (pick: (thread: LoadResult) => number) => Math.max(...threads.map(pick));
  const cpuOf = ({ cpu }: LoadResult) => (cpu.user + cpu.system) / 10 / seconds;
  const open = rateProfile(plan).length > 0;
  const peak = sum((r) => r.peak);
  return {
    counted: run.elapsedMs > 0,
    seconds: seconds === Infinity ? 0 : seconds,
    ...{ rate, open, hold: plan.hold, paced: plan.expect.kind !== "none" },
    askedSeconds: plan.durationMs === null ? null : plan.durationMs / 1000,
    inFlight: open && plan.pipeline === null ? null : peak * (plan.pipeline ?? 1),
    ...{ messagesPerConnection: plan.messagesPerConnection, thinkMs: plan.thinkMs },
    closure,
    elsewhere: elsewhereOf(threads, seconds),
    requested: plan.connections,
    busiest: most(cpuOf),
    generator: sum(cpuOf),
    longestStallMs: most((r) => r.stalls.maxMs),
    away: most((r) => r.stalls.awayMs) / 1000 / seconds,
    lag: run.recorder("lag").summary(),
    ownLag: run.recorder("ownLag").summary(),
    scheduled: sum((r) => r.scheduled),
    unsent: sum((r) => r.unsent),
    latency: { ...run.latencies.latency.summary(), mean },
    corrected: open ? run.latencies.corrected.summary() : null,
    connect: run.recorder("connect").summary(),
    ...{ sent: sum((r) => r.sent), received: sum((r) => r.received) },
    ...{ mismatched: sum((r) => r.mismatched), lost: sum((r) => r.unanswered) },
    ...{ timedOut: sum((r) => r.timedOut), failed: sum((r) => r.failed) },
    errors: run.errors(),
    local: !("host" in plan.target) || /^(127\.|::1$)/.test(plan.target.host),
    embedded: around.server && { workers: around.server.workers },
    kernel: around.kernel,
    cpu: around.cpu,
    openFiles: around.openFiles,
  };
}
