/** Was it the generator that limited the rate? */
import type { LoadResult } from "./plan.ts";
import type { GeneratorReport } from "./result.ts";
import type { Run } from "./stress.ts";
import { rateProfile } from "./schedule.ts";

/** What is known of the embedded server, if there is one. */
export interface EmbeddedServer {
  readonly stats: unknown;
  /** CPU time of everything in the process but the generator, in milliseconds. */
  readonly otherCpuMs: (generatorCpuMs: number) => number;
}

/** Above this a thread has no time left to send earlier. In percent of one CPU. */
const SATURATED = 95;
/** Shorter runs are mostly start-up, and say nothing of either side. */
const MIN_AUDIT_SECONDS = 1;

/** The generator about itself. */
export function audit(
  run: Run,
  results: readonly LoadResult[],
  seconds: number,
  { server }: { server: EmbeddedServer | null },
): GeneratorReport {
  const cpuOf = ({ cpu }: LoadResult) => cpu.user + cpu.system;
  const percent = Math.max(...results.map((r) => cpuOf(r) / 10 / seconds));
  const cpuMs = results.reduce((total, r) => total + cpuOf(r), 0);
  // An embedded server that is just as busy is as much the limit as the generator.
  const serverBusy = server !== null && server.otherCpuMs(cpuMs) >= 0.9 * cpuMs;
  const bottleneck = seconds >= MIN_AUDIT_SECONDS && percent >= SATURATED && !serverBusy;
  const lag = run.recorder("lag").summary();
  const open = rateProfile(run.plan).length > 0;
  const sum = (pick: (r: LoadResult) => number) => results.reduce((all, r) => all + pick(r), 0);
  return {
    cpu_percent: Math.round(percent * 10) / 10,
    schedule_lag_us: { p50: lag.p50, p99: lag.p99, max: lag.max },
    bottleneck,
    reason: bottleneck
      ? `a generator thread used ${
        Math.round(percent)
      } % of a CPU: the target may be faster than ` +
        "this rate; use more --workers"
      : null,
    limited_by: "",
    loop_stalls: {
      count: sum((r) => r.stalls.count),
      max_us: Math.round(Math.max(...results.map((r) => r.stalls.maxMs)) * 1000),
    },
    cpu_s: {
      user: sum((r) => r.cpu.user) / 1000,
      system: sum((r) => r.cpu.system) / 1000,
    },
    scheduled: open ? sum((r) => r.scheduled) : null,
    unsent: sum((r) => r.unsent),
  };
}
