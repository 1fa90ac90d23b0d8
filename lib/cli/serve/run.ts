/** What `iomux serve` does once its options are known. Loaded only then: it opens the C library. */
import { connectionsBelow, type ServeOptions } from "../../serve/options.ts";
import type { SpawnHandler } from "../../serve/handoff/handler_pool.ts";
import { type Metrics, type SpawnMetrics, startMetrics } from "../../serve/metrics/metrics.ts";
import { Server, type ServerEvents, type Spawn } from "../../serve/server.ts";
import { ServerStats } from "../../serve/stats.ts";
import { openFileLimit, raiseOpenFileLimit } from "../../sys/process/limits.ts";
import { FD_SETSIZE } from "../../sys/constants.ts";
import { readNumbers } from "../../sys/machine/proc.ts";
import { FLUSH_MS } from "../../sys/stdio/output.ts";
import { OutputStream } from "../../sys/stdio/output_stream.ts";
import { exitNow } from "../../sys/process/exit.ts";
import { reapOrphans } from "../../sys/process/spawn.ts";
import { escapeControls } from "../../text/escape.ts";
import { briefDuration } from "../../text/words.ts";
import { EXIT, exitCodeOf } from "../exit.ts";
import { adviceFor, checkThreads } from "../limits.ts";
import { createLogger, formatRecord, formatTrace, type Logger } from "./log.ts";
import { checkEngine, checkSelector } from "../options/checks.ts";
import { checkServerTls, serverTlsOf } from "../options/tls.ts";
import type { ServeRead } from "./command.ts";
import { describeFaults, faultsOf } from "./faults.ts";
import { handoffOf } from "./handoff.ts";
import { type Operations, operationsOf, whereOf } from "./operations.ts";
import { onSignals } from "../signals.ts";
import { VERSION } from "../version.ts";

type SpawnThread = Spawn & SpawnHandler & SpawnMetrics;

/** As process 1: between two looks for children that have ended. */
const REAP_MS = 500;

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

export async function run(read: ServeRead, spawn: SpawnThread): Promise<number> {
  const { options } = read;
  if (options.udp) {
    const { serveDatagrams } = await import("./datagrams.ts");
    return await serveDatagrams(read);
  }
  const where = whereOf(read);
  const operations = await operationsOf(read, where.path);
  const { connections, openFiles } = limits(options.selector);
  const serving: ServeOptions = {
    ...where,
    service: options.service,
    selector: options.selector,
    engine: options.engine,
    workers: options.workers,
    maxConnections: options.maxConnections ?? connections,
    maxBuffer: options.maxBuffer,
    idleMs: options.idleTimeout,
    finMs: options.finTimeout,
    drainMs: options.drainTimeout,
    backlog: options.backlog,
    trace: options.trace,
    ...handoffOf(read, where.path),
    ...faultsOf(read),
    ...operations.options,
    ...serverTlsOf(options),
  };
  return await serve(serving, spawn, read, openFiles, operations.metrics);
}

/** Serves as `options` say; `flags` are those of the command itself, and HTTP is answered at `metricsAt`. */
async function serve(
  options: ServeOptions,
  spawn: SpawnThread,
  { options: flags, withVariables }: ServeRead,
  openFiles: OpenFiles,
  metricsAt: Operations["metrics"],
): Promise<number> {
  const format = flags.logFormat;
  const stdout = new OutputStream(1);
  const stderr = new OutputStream(2, (dropped) => {
    const what = `${dropped} ${dropped === 1 ? "line" : "lines"} of the log were lost`;
    return formatRecord("warn", `${what}: standard error did not take them`, format);
  });
  const level = flags.quiet ? "error" : flags.logLevel;
  const log = createLogger(level, format, (line) => stderr.write(line));
  const reaper = process.pid === 1 ? setInterval(reapOrphans, REAP_MS) : undefined;
  let metrics: Metrics | undefined;
  let server: Server | undefined;
  let code: number;
  let allEnded = true;
  let isBound = false;
  let wasTold = false;
  let secondCode: number | undefined;
  const drain = () => {
    // A start may wait for ever: for a handler's module, or for a name.
    if (!isBound) exitNow(EXIT.ok);
    wasTold = true;
    if (!server) return; // not yet: it does so once it has started
    const { active } = server.stats();
    void server.drain(); // first: who reads the log may ask for /healthz
    log.info(`Draining: ${connections(active)} open, at most ${briefDuration(options.drainMs)}`);
  };
  const printStats = () => {
    if (server) stdout.write(JSON.stringify(server.stats()) + "\n");
  };
  // Before anything is bound: a signal that ends the process would leave a socket's file behind.
  const restore = onSignals({
    first: drain,
    second(code) {
      secondCode = code;
      void server?.stop();
    },
    usr1: printStats,
  });
  try {
    await checkBeforehand(options, log, openFiles);
    const stats = ServerStats.create(options.workers);
    const shared = { stats: stats.memory, version: VERSION };
    metrics = metricsAt && await startMetrics(metricsAt, shared, spawn, log);
    const trace = (lines: string) => stderr.write(formatTrace(lines, format));
    const events = { ...eventsOf(log, openFiles), trace, bound: () => void (isBound = true) };
    server = await Server.start(options, spawn, events, spawn, stats);
    if (metrics) log.info(`Metrics on http://${metrics.name}/metrics`);
    if (options.faults) log.info(describeFaults(options.faults));
    log.debug(
      `${whoAnswers(options)} with ${server.selector}, ${options.workers} workers, ` +
        `at most ${options.maxConnections} connections`,
    );
    for (const name of server.names) stdout.write(`listening on ${escapeControls(name)}\n`);
    if (secondCode !== undefined) void server.stop();
    else if (wasTold) drain();
    const forced = await server.done;
    if (flags.stats) printStats();
    if (forced > 0 && secondCode === undefined) log.warn(`Cut ${connections(forced)} still open`);
    code = secondCode ?? (forced > 0 ? EXIT.failed : EXIT.ok);
    ({ allEnded } = server);
  } catch (error) {
    const failure = error as Error;
    const said = withVariables(failure.message.trim().replace(/\s*\n\s*/g, " "));
    const message = said + adviceFor(failure);
    if (format === "json") stderr.write(formatRecord("error", message, "json"));
    else stderr.write(`iomux: ${escapeControls(message)}\n`);
    code = exitCodeOf(error);
  } finally {
    restore();
    clearInterval(reaper);
    await metrics?.close();
    await Promise.all([stdout.flush(FLUSH_MS), stderr.flush(FLUSH_MS)]);
  }
  if (!allEnded) exitNow(code); // else the process would wait for a handler that does not end
  return code;
}

/** What can be known to fail, or to be less than was asked for, before anything is started. */
async function checkBeforehand(
  options: ServeOptions,
  log: Logger,
  openFiles: OpenFiles,
): Promise<void> {
  checkSelector(options.selector);
  checkEngine("--engine", options.engine ?? "auto", options.selector, options.trace);
  checkThreads("serve", options.workers, options.handoff?.module ? options.handoff.workers : 0);
  if (options.tls) await checkServerTls(options.tls);
  const [somaxconn] = readNumbers("/proc/sys/net/core/somaxconn");
  if (somaxconn !== undefined && options.backlog > somaxconn) {
    log.warn(
      `The backlog of ${options.backlog} is cut to net.core.somaxconn, which is ${somaxconn}`,
    );
  }
  const { before, now } = openFiles;
  // Runtimes may have raised it already, before this program's first line.
  if (now > before) log.info(`Open files: raised the limit from ${before} to ${now}`);
  else log.debug(`Open files: the limit is ${now}, which is all that the system grants`);
}

const eventsOf = (log: Logger, { now }: OpenFiles): ServerEvents => ({
  warned: (message) => log.warn(message),
  paused: (message) => log.warn(`${message}; accepting pauses (open files: ${now}, see ulimit -n)`),
  refused: (message) => log.warn(`${message}; such connections are closed`),
  replaced: (message) => log.error(message),
  failed: (message) => log.warn(message),
  gone: (message) => log.debug(message),
});

const whoAnswers = ({ handoff, service }: ServeOptions): string =>
  handoff?.module ?? handoff?.command?.join(" ") ?? service;

const connections = (count: number) => `${count} ${count === 1 ? "connection" : "connections"}`;
