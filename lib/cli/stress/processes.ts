/** `iomux stress --processes N`: a run over several processes, each with descriptors of its own. */
import type { Server } from "../../serve/server.ts";
import { isClean, mergeResults } from "../../result/merge/merge.ts";
import type { LoadResult, Stage } from "../../stress/plan/plan.ts";
import {
  type ProcessOutcome,
  type ProgressReport,
  runProcesses,
} from "../../stress/run/processes.ts";
import type { StressResult, TimelineRow } from "../../result/result.ts";
import type { Progress, Watched } from "../../stress/run/watch.ts";
import { UsageError } from "../exit.ts";
import { err } from "../output.ts";
import { PART_COMMAND, selfCommand } from "../self.ts";
import {
  isEmbedded,
  type RunContext,
  type RunOutcome,
  type RunSettings,
  startEmbedded,
  statsAtRest,
} from "./session.ts";

/** A server within this process that took so much of the generators' CPU time was as busy as they. */
const AS_BUSY = 0.9;

/** The settings of each process: its share of everything, and its own connection numbers. */
export function sharesOf(settings: RunSettings): RunSettings[] {
  const { connections, messages, rate, connectRate, stages } = settings;
  const of = Math.min(settings.processes ?? 1, connections);
  const seed = settings.seed ?? Math.floor(Math.random() * 2 ** 32);
  const upTo = (total: number, share: number) => Math.floor(total * share / connections);
  return Array.from({ length: of }, (_, index) => {
    const first = upTo(connections, connections * index / of);
    const end = upTo(connections, connections * (index + 1) / of);
    const part = (end - first) / connections;
    return {
      ...settings,
      connections: end - first,
      messages: messages === null ? null : upTo(messages, end) - upTo(messages, first),
      rate: rate === null ? null : rate * part,
      connectRate: connectRate === null ? null : connectRate * part,
      stages: stages.map((stage) => scaled(stage, part)),
      seed,
      processes: 1,
      part: { index, of, firstConnection: first, connections },
    };
  });
}

const scaled = ({ durationMs, rate, connections }: Stage, part: number): Stage => ({
  durationMs,
  ...(rate ? { rate: { from: rate.from * part, to: rate.to * part } } : {}),
  ...(connections
    ? { connections: { from: connections.from * part, to: connections.to * part } }
    : {}),
});

/** Runs a load in `settings.processes` processes, and returns the sum of their results. */
export async function runInProcesses(
  settings: RunSettings,
  context: RunContext,
): Promise<RunOutcome> {
  if (process.platform === "win32") {
    throw new UsageError("option '--processes' is not for Windows: use --workers");
  }
  const server = isEmbedded(settings) ? await startEmbedded(settings, context.spawn) : undefined;
  try {
    const target = server ? { target: server.name } : {};
    const shares = sharesOf({ ...settings, ...target });
    const watched = new WatchedProcesses(settings);
    context.began?.(watched);
    const cpuBefore = process.cpuUsage();
    const outcomes = await runProcesses(selfCommand([PART_COMMAND]), shares, {
      connected: context.connected,
      interruption: context.interruption,
      progress: (index, report) => watched.heard(index, report),
    });
    const cpu = process.cpuUsage(cpuBefore);
    const { result, tlsFailure } = sumOf(outcomes, settings);
    if (server) await describeServer(result, server, (cpu.user + cpu.system) / 1e6);
    return { result, tlsFailure };
  } finally {
    await server?.stop();
  }
}

/** @throws Error when no process has a result */
function sumOf(outcomes: readonly ProcessOutcome[], settings: RunSettings): RunOutcome {
  const results: StressResult[] = [];
  const failures = new Set<string>();
  let tlsFailure: LoadResult["tlsFailure"] = null;
  for (const outcome of outcomes) {
    if (outcome.type === "failed") failures.add(outcome.message);
    else {
      results.push(outcome.result);
      tlsFailure ??= outcome.tlsFailure;
    }
  }
  if (results.length === 0) throw new Error([...failures].join("; "));
  for (const message of failures) err(`iomux: ${message}: its part is missing in the result\n`);
  const result = mergeResults(results, { missing: failures.size > 0, oneMachine: true });
  const { connections, messages, rate, connectRate } = settings;
  result.connections.requested = connections;
  // As they were asked for: sums of shares have other last digits.
  Object.assign(result.config, { connections, messages, rate, connectRate });
  result.config.processes = outcomes.length;
  return { result, tlsFailure };
}

/** Adds what only this process knows of the server that runs in it. */
async function describeServer(result: StressResult, server: Server, cpu: number): Promise<void> {
  result.server = await statsAtRest(server);
  const { generator } = result;
  const { user, system } = generator.cpu_s;
  // A schedule that was not kept is no fault of a server's, however busy.
  if (!generator.bottleneck || generator.scheduled !== null) return;
  if (cpu < AS_BUSY * (user + system)) return;
  const limit = `the embedded server, which was as busy as the generators: ${
    cpu.toFixed(1)
  } s of CPU`;
  Object.assign(generator, { bottleneck: false, reason: null, limited_by: limit });
  if (isClean(result)) result.verdict = "pass";
}

/** How far the processes are together. */
class WatchedProcesses implements Watched {
  readonly plan: Watched["plan"];
  readonly #reports: ProgressReport[] = [];

  constructor({ connections, warmup: warmupMs, expect }: RunSettings) {
    this.plan = { connections, warmupMs, expect };
  }

  heard(index: number, report: ProgressReport): void {
    this.#reports[index] = report;
  }

  get elapsedMs(): number {
    return Math.max(0, ...this.#heard().map(({ elapsedMs }) => elapsedMs));
  }

  /** The last second only, with the highest latencies of all processes. */
  get timeline(): TimelineRow[] {
    const rows = this.#heard().flatMap(({ second }) => second ?? []);
    const most = (key: "p50" | "p99") => Math.max(...rows.map((row) => row[key]));
    return rows.slice(0, 1).map((row) => ({ ...row, p50: most("p50"), p99: most("p99") }));
  }

  progress(): Progress {
    const all = this.#heard();
    const sum = (key: keyof Progress) => all.reduce((n, { progress }) => n + progress[key], 0);
    return {
      connections: sum("connections"),
      sent: sum("sent"),
      received: sum("received"),
      mismatched: sum("mismatched"),
      errors: sum("errors"),
      bytes: sum("bytes"),
    };
  }

  #heard(): ProgressReport[] {
    return this.#reports.filter(Boolean);
  }
}
