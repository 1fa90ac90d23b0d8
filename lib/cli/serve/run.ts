/** What `iomux serve` does once its options are known. Loaded only then: it opens the C library. */
import { connectionsBelow, type ServeOptions } from "../../serve/options.ts";
import { serveMetrics } from "../../serve/metrics/server.ts";
import type { SpawnHandler } from "../../serve/handoff/handler_pool.ts";
import { Server, type Spawn } from "../../serve/server.ts";
import { openFileLimit, raiseOpenFileLimit } from "../../sys/limits.ts";
import { FD_SETSIZE } from "../../sys/constants.ts";
import { readNumbers } from "../../sys/machine/proc.ts";
import { exitNow } from "../../sys/spawn.ts";
import { EXIT } from "../exit.ts";
import { createLogger, type Logger } from "./log.ts";
import type { Level } from "../options/values.ts";
import { out } from "../output.ts";
import { checkSelector } from "../options/selector.ts";
import { serverTlsOf } from "../options/tls.ts";
import type { ServeRead } from "./command.ts";
import { describeFaults, faultsOf } from "./faults.ts";
import { handoffOf } from "./handoff.ts";
import { operationsOf } from "./operations.ts";
import { onSignals } from "../signals.ts";
import { checkServerTls } from "../options/tls_check.ts";
import { VERSION } from "../version.ts";

/** How the command itself behaves, beside the server. */
interface RunSettings {
  readonly stats: boolean;
  readonly openFiles: OpenFiles;
  /** Where to answer HTTP. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly level: Level;
  readonly format: "text" | "json";
}

/** The limit of open files, before and after it was raised. */
interface OpenFiles {
  readonly before: number;
  readonly now: number;
}

/** Raises the limit of open files, and says how many connections fit below it and the selector's. */
function limits(selector: string): { openFiles: OpenFiles; connections: number } {
  const before = openFileLimit().soft;
  const now = raiseOpenFileLimit().soft;
  const watchable = selector === "select" ? Math.min(now, FD_SETSIZE) : now;
  return { openFiles: { before, now }, connections: connectionsBelow(watchable) };
}

/** Serves as the options say; returns the exit code. */
export async function run(read: ServeRead, spawn: Spawn & SpawnHandler): Promise<number> {
  const { options } = read;
  const operations = await operationsOf(read);
  const { connections, openFiles } = limits(options.selector);
  const serving: ServeOptions = {
    host: options.host,
    port: options.port,
    ...(options.unix === undefined ? {} : { path: options.unix }),
    service: options.service,
    selector: options.selector,
    workers: options.workers,
    maxConnections: options.maxConnections ?? connections,
    maxBuffer: options.maxBuffer,
    idleMs: options.idleTimeout,
    finMs: options.finTimeout,
    drainMs: options.drainTimeout,
    backlog: options.backlog,
    trace: options.trace,
    ...handoffOf(read),
    ...faultsOf(read),
    ...operations.options,
    ...serverTlsOf(options),
  };
  return await serve(serving, spawn, {
    stats: options.stats,
    openFiles,
    metrics: operations.metrics,
    level: options.quiet ? "error" : options.logLevel,
    format: options.logFormat,
  });
}

/** Serves until a signal ends it; returns the exit code. */
async function serve(
  options: ServeOptions,
  spawn: Spawn & SpawnHandler,
  settings: RunSettings,
): Promise<number> {
  const log = createLogger(settings.level, settings.format);
  checkSelector(options.selector);
  if (options.tls) await checkServerTls(options.tls);
  const [somaxconn] = readNumbers("/proc/sys/net/core/somaxconn");
  if (somaxconn !== undefined && options.backlog > somaxconn) {
    log.warn(
      `The backlog of ${options.backlog} is cut to net.core.somaxconn, which is ${somaxconn}`,
    );
  }
  tellOpenFiles(log, settings.openFiles);
  let started: Server | undefined;
  const metrics = settings.metrics &&
    await serveMetrics(settings.metrics, () => started, VERSION);
  const server = started = await Server.start(options, spawn, {
    paused: (message) =>
      log.warn(
        `${message}; accepting pauses (open files: ${settings.openFiles.now}, see ulimit -n)`,
      ),
    refused: (message) => log.warn(`${message}; such connections are closed`),
    replaced: (message) => log.error(message),
    failed: (message) => log.warn(message),
    gone: (message) => log.debug(message),
  }, spawn);
  const printStats = () => out(JSON.stringify(server.stats()) + "\n");
  let secondCode: number | undefined;
  const restore = onSignals({
    first() {
      const { active } = server.stats();
      log.info(`Draining: ${connections(active)} open, at most ${options.drainMs / 1000} s`);
      void server.drain();
    },
    second(code) {
      secondCode = code;
      void server.stop();
    },
    usr1: printStats,
  });
  if (metrics) log.info(`Metrics on http://${metrics.name}/metrics`);
  if (options.faults) log.info(describeFaults(options.faults));
  log.debug(
    `${whoAnswers(options)} with ${server.selector}, ${options.workers} workers, ` +
      `at most ${options.maxConnections} connections`,
  );
  for (const name of server.names) out(`listening on ${name}\n`);
  const forced = await server.done;
  restore();
  metrics?.close();
  if (settings.stats) printStats();
  if (forced > 0 && secondCode === undefined) log.warn(`Cut ${connections(forced)} still open`);
  const code = secondCode ?? (forced > 0 ? EXIT.failed : EXIT.ok);
  if (!server.allEnded) exitNow(code); // else the process would wait for a handler that does not end
  return code;
}

const whoAnswers = ({ handoff, service }: ServeOptions): string =>
  handoff?.module ?? handoff?.command?.join(" ") ?? service;

/** Runtimes may have raised it already, before this program's first line. */
function tellOpenFiles(log: Logger, { before, now }: OpenFiles): void {
  if (now > before) log.info(`Open files: raised the limit from ${before} to ${now}`);
  else log.debug(`Open files: the limit is ${now}, which is all that the system grants`);
}

const connections = (count: number) => `${count} ${count === 1 ? "connection" : "connections"}`;
