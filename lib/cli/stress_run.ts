/** What `iomux stress` does once its options are known: a server if need be, the run, the report. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { parseHostPort, resolveHost, Socket } from "../net/mod.ts";
import type { SelectorName } from "../selectors/mod.ts";
import { connectionsBelow, SERVE_DEFAULTS } from "../serve/options.ts";
import { Server, type Spawn } from "../serve/server.ts";
import type { Expect, Plan, StressResult, Target } from "../stress/plan.ts";
import { formatReport } from "../stress/report.ts";
import { Run, type SpawnLoad, summarize } from "../stress/stress.ts";
import { raiseOpenFileLimit } from "../sys/limits.ts";
import { EXIT, UsageError } from "./exit.ts";
import { liveLine } from "./live.ts";
import { err, out } from "./output.ts";
import { checkSelector } from "./selector.ts";
import { onSignals } from "./signals.ts";
import { checkClientTls } from "./tls_check.ts";
import { type ClientTls, withAdvice } from "./tls_options.ts";
import { formatCount, formatDuration, formatSize } from "./units.ts";
import { VERSION } from "./version.ts";

/** The options of the command. */
export interface StressFlags {
  readonly unix?: string | undefined;
  readonly connections: number;
  readonly duration: number | null;
  readonly messages?: number | undefined;
  readonly size: number;
  readonly expect: Expect;
  readonly pipeline: number;
  readonly workers: number;
  readonly timeout: number;
  readonly clientSelector: SelectorName | "auto";
  readonly selector: SelectorName | "auto";
  readonly service: string;
  readonly serverWorkers: number;
  readonly json?: string | true | undefined;
  readonly tls?: ClientTls | undefined;
}

/** Runs the load and reports; returns the exit code. */
export async function run(
  target: string | undefined,
  flags: StressFlags,
  spawn: Spawn & SpawnLoad,
): Promise<number> {
  checkSelector(flags.clientSelector);
  checkSelector(flags.selector);
  if (flags.tls) await checkClientTls(flags.tls, { warn: (text) => err(`iomux: ${text}\n`) });
  checkWritable(flags.json);
  checkDescriptors(flags, target === undefined && flags.unix === undefined);
  const destination = flags.unix === undefined && target !== undefined
    ? await resolveTarget(target, flags.timeout)
    : undefined;
  const server = target === undefined && flags.unix === undefined
    ? await startEmbedded(flags, spawn)
    : undefined;
  const plan: Plan = {
    target: flags.unix !== undefined
      ? { path: flags.unix }
      : destination ?? parseHostPort(server!.name),
    connections: flags.connections,
    durationMs: flags.duration,
    messages: flags.messages ?? null,
    size: flags.size,
    expect: flags.expect,
    pipeline: flags.pipeline,
    workers: flags.workers,
    clientSelector: flags.clientSelector,
    timeoutMs: flags.timeout,
    seed: Math.floor(Math.random() * 2 ** 32),
    ...(flags.tls ? { tls: flags.tls } : {}),
  };
  const load = new Run(plan);
  let signalCode: number | undefined;
  const restore = onSignals({
    first(code) {
      signalCode = code;
      load.interrupt();
    },
    second(code) {
      endLive();
      process.exit(code);
    },
  });
  const endLive = liveLine(() => describeProgress(load, started));
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  try {
    const results = await load.start(spawn);
    const cpu = process.cpuUsage(cpuBefore);
    const name = server?.name ?? target ?? `unix:${flags.unix}`;
    const result = summarize(
      VERSION,
      name,
      load,
      results,
      server
        ? {
          stats: await statsAtRest(server),
          otherCpuMs: (ours) => (cpu.user + cpu.system) / 1000 - ours,
        }
        : null,
    );
    endLive();
    const unreachable = result.connections.established === 0 && !load.interrupted;
    const tlsFailure = results.find((r) => r.tlsFailure)?.tlsFailure;
    if (unreachable && tlsFailure) {
      err(`iomux: ${withAdvice(tlsFailure.code, tlsFailure.message)}\n`);
    } else if (unreachable) {
      err(`iomux: Cannot connect to ${name}: ${Object.keys(result.errors).join(", ")}\n`);
    }
    publish(result, flags.json, unreachable);
    return signalCode ?? exitCode(result);
  } finally {
    endLive();
    restore();
    await server?.stop();
  }
}

/** Fails before the run, and not after it, when the result could not be written. */
function checkWritable(json: string | true | undefined): void {
  if (typeof json !== "string" || json === "-") return;
  try {
    closeSync(openSync(json, "a"));
  } catch (error) {
    throw new Error(`Cannot write the result to ${json}: ${(error as { code: string }).code}`);
  }
}

/** One line on stderr, instead of EMFILE for some of the connections. */
function checkDescriptors(flags: StressFlags, embedded: boolean): void {
  const { soft } = raiseOpenFileLimit();
  const needed = flags.connections * (embedded ? 2 : 1);
  if (needed <= connectionsBelow(soft)) return;
  throw new UsageError(
    `${flags.connections} connections need about ${needed + 100} open files, and the limit is ` +
      `${soft}: raise it with ulimit -n`,
  );
}

async function resolveTarget(target: string, timeoutMs: number): Promise<Target> {
  let parsed: { host: string; port: number };
  try {
    parsed = parseHostPort(target);
    if (parsed.port === 0) throw new RangeError(`Invalid target "${target}": port 0`);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { port } = parsed;
  const addresses = await resolveHost(parsed.host);
  const host = addresses.length === 1
    ? addresses[0]!
    : firstThatAnswers(addresses, port, timeoutMs);
  return { host, port };
}

/** One address for all connections of the run: a name such as localhost can have several. */
function firstThatAnswers(addresses: string[], port: number, timeoutMs: number): string {
  const answers = (host: string) => {
    try {
      Socket.connect({ host, port, timeoutMs }).close();
      return true;
    } catch {
      return false;
    }
  };
  return addresses.find(answers) ?? addresses[0]!;
}

function startEmbedded(flags: StressFlags, spawn: Spawn): Promise<Server> {
  return Server.start({
    ...SERVE_DEFAULTS,
    host: "127.0.0.1",
    port: 0,
    service: flags.service,
    selector: flags.selector,
    workers: flags.serverWorkers,
    maxConnections: flags.connections,
  }, spawn);
}

/** The server's last word, once it has noticed that the load is gone. */
async function statsAtRest(server: Server): Promise<unknown> {
  for (let i = 0; i < 20 && server.stats().active > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return server.stats();
}

function describeProgress(load: Run, started: number): string {
  const { connections, sent, received, mismatched } = load.progress();
  const seconds = (performance.now() - started) / 1000;
  const done = load.plan.expect === "none" ? sent : received;
  return `${seconds.toFixed(1)} s   ${connections} connections   ${formatCount(done)} messages   ` +
    `${formatCount(done / seconds)}/s${mismatched > 0 ? `   ${mismatched} MISMATCHED` : ""}`;
}

function publish(
  result: StressResult,
  json: string | true | undefined,
  unreachable: boolean,
): void {
  const text = JSON.stringify(result, null, 2) + "\n";
  if (json === "-" || json === true) return out(text);
  if (json !== undefined) writeFileSync(json, text);
  if (unreachable) return; // a report of zeros says nothing more
  out(formatReport(result, { count: formatCount, size: formatSize, duration: formatDuration }));
}

/** The gravest thing that happened. */
function exitCode({ messages, connections, errors }: StressResult): number {
  if (messages.mismatched > 0) return EXIT.verification;
  if (connections.failed > 0) {
    // Somebody answered, but not as one that can be talked to.
    if (Object.keys(errors).some((code) => code.startsWith("TLS_"))) return EXIT.failed;
    const timedOut = Object.keys(errors).every((code) => code === "ETIMEDOUT");
    return timedOut ? EXIT.timeout : EXIT.unreachable;
  }
  if (messages.timed_out > 0) return EXIT.timeout;
  if (messages.lost > 0 || connections.lost > 0) return EXIT.peerGone;
  return EXIT.ok;
}
