/** One run of a load: a server of its own if there is no target, the threads, and the result. */
import { parseHostPort } from "../../net/mod.ts";
import type { SelectorName } from "../../selectors/mod.ts";
import { SERVE_DEFAULTS } from "../../serve/options.ts";
import { Server, type Spawn } from "../../serve/server.ts";
import { describeMachine } from "../../stress/run/machine.ts";
import { MachineWatch } from "../../stress/run/machine_watch.ts";
import type { LoadResult, Plan, Target } from "../../stress/plan/plan.ts";
import type { CpuUse } from "../../result/audit/evidence.ts";
import type { StressResult } from "../../result/result.ts";
import { Run, type SpawnLoad } from "../../stress/run/run.ts";
import { summarize } from "../../stress/run/summary.ts";
import { openFileLimit } from "../../sys/process/limits.ts";
import type { TlsConnectOptions } from "../../tls/mod.ts";
import { VERSION } from "../version.ts";
import { resolveTarget } from "./resolve.ts";

/** What a run is to do: a plan whose target is not resolved yet, or is a server that has to be started. */
export interface RunSettings extends Omit<Plan, "target" | "seed" | "tls"> {
  /** HOST:PORT; without it and without `unix` a server is started for the run. */
  readonly target?: string | undefined;
  readonly unix?: string | undefined;
  /** Null for a random one. */
  readonly seed: number | null;
  readonly tls?: TlsConnectOptions | undefined;
  /** Of the server that is started when there is no target. */
  readonly selector: SelectorName | "auto";
  readonly service: string;
  readonly serverWorkers: number;
}

export interface RunContext {
  readonly spawn: Spawn & SpawnLoad;
  /** Ends the run early, with a result of what was done. */
  readonly interruption: AbortSignal;
  /** Called with the run as soon as it starts, for a live view. */
  readonly began?: (run: Run) => void;
  /** Called when all have connected; they begin when it resolves. */
  readonly connected?: () => Promise<void> | undefined;
}

export interface RunOutcome {
  readonly result: StressResult;
  readonly firstFailure: LoadResult["firstFailure"];
  /** Who used this machine's CPUs while messages counted. */
  readonly cpu: CpuUse | null;
}

export const isEmbedded = ({ target, unix }: Pick<RunSettings, "target" | "unix">): boolean =>
  target === undefined && unix === undefined;

export async function runSession(
  settings: RunSettings,
  context: RunContext,
): Promise<RunOutcome> {
  const { spawn, interruption } = context;
  const { target, name, server } = await targetOf(settings, spawn, interruption);
  const load = new Run(planOf(settings, target));
  const interrupt = () => load.interrupt();
  try {
    interruption.addEventListener("abort", interrupt);
    if (interruption.aborted) interrupt();
    context.began?.(load);
    const watch = new MachineWatch();
    const results = await load.start(spawn, {
      ...(context.connected ? { connected: context.connected } : {}),
      counting: () => watch.start(),
      stopped: () => watch.stop(),
    });
    const cpu = watch.cpu();
    const result = summarize(load, results, {
      version: VERSION,
      target: name,
      machine: describeMachine(),
      kernel: watch.kernel(),
      cpu,
      openFiles: openFileLimit().soft,
      server: server ? { stats: await statsAtRest(server), workers: settings.serverWorkers } : null,
    });
    const firstFailure = results.find((r) => r.firstFailure)?.firstFailure ?? null;
    return { result, firstFailure, cpu };
  } finally {
    interruption.removeEventListener("abort", interrupt);
    await server?.stop();
  }
}

export function planOf(settings: RunSettings, target: Target): Plan {
  const { unix: _unix, selector: _selector, service: _service, serverWorkers: _workers, ...plan } =
    settings;
  const { seed, tls, ...same } = plan;
  return {
    ...same,
    target,
    seed: seed ?? Math.floor(Math.random() * 2 ** 32),
    ...(tls ? { tls } : {}),
  };
}

/** Whom a run talks to, and what that is called: its target, or a server that is started for it. */
export async function targetOf(
  settings: RunSettings,
  spawn: Spawn,
  stop: AbortSignal,
): Promise<{ target: Target; name: string; server?: Server }> {
  const { target, unix, tls, timeoutMs, sources } = settings;
  if (unix !== undefined) return { target: { path: unix }, name: `unix:${unix}` };
  if (target !== undefined) {
    return { target: await resolveTarget(target, tls, timeoutMs, sources, stop), name: target };
  }
  const server = await startEmbedded(settings, spawn);
  return { target: parseHostPort(server.name), name: server.name, server };
}

function startEmbedded(settings: RunSettings, spawn: Spawn): Promise<Server> {
  const { service, selector, serverWorkers: workers, connections, messagesPerConnection } =
    settings;
  return Server.start({
    ...SERVE_DEFAULTS,
    host: "127.0.0.1",
    port: 0,
    ...{ service, selector, workers },
    // One that closes and its successor meet for a moment.
    maxConnections: messagesPerConnection === null ? connections : 2 * connections,
  }, spawn);
}

/** The server's last word, once it has noticed that the load is gone. */
async function statsAtRest(server: Server): Promise<unknown> {
  for (let i = 0; i < 20 && server.stats().active > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return server.stats();
}
