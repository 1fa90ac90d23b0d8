/** What `iomux serve` does once its options are known. Loaded only then: it opens the C library. */
import { connectionsBelow, type ServeOptions } from "../serve/options.ts";
import { Server, type Spawn } from "../serve/server.ts";
import { raiseOpenFileLimit } from "../sys/limits.ts";
import { FD_SETSIZE } from "../sys/constants.ts";
import { readNumbers } from "../sys/proc.ts";
import { EXIT } from "./exit.ts";
import { createLogger } from "./log.ts";
import type { Level } from "./options.ts";
import { out } from "./output.ts";
import { checkSelector } from "./selector.ts";
import { onSignals } from "./signals.ts";

/** How the command itself behaves, beside the server. */
export interface RunSettings {
  readonly stats: boolean;
  /** The limit of open files, for messages. */
  readonly openFiles: number;
  readonly level: Level;
  readonly format: "text" | "json";
}

/** Raises the limit of open files, and says how many connections fit below it and the selector's. */
export function limits(selector: string): { openFiles: number; connections: number } {
  const { soft } = raiseOpenFileLimit();
  const watchable = selector === "select" ? Math.min(soft, FD_SETSIZE) : soft;
  return { openFiles: soft, connections: connectionsBelow(watchable) };
}

/** Serves until a signal ends it; returns the exit code. */
export async function run(
  options: ServeOptions,
  spawn: Spawn,
  settings: RunSettings,
): Promise<number> {
  const log = createLogger(settings.level, settings.format);
  checkSelector(options.selector);
  const [somaxconn] = readNumbers("/proc/sys/net/core/somaxconn");
  if (somaxconn !== undefined && options.backlog > somaxconn) {
    log.warn(
      `The backlog of ${options.backlog} is cut to net.core.somaxconn, which is ${somaxconn}`,
    );
  }
  const server = await Server.start(options, spawn, {
    paused: (message) =>
      log.warn(`${message}; accepting pauses (open files: ${settings.openFiles}, see ulimit -n)`),
    refused: (message) => log.warn(`${message}; such connections are closed`),
  });
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
  log.debug(
    `${options.service} with ${server.selector}, ${options.workers} workers, ` +
      `at most ${options.maxConnections} connections`,
  );
  out(`listening on ${server.name}\n`);
  const forced = await server.done;
  restore();
  if (settings.stats) printStats();
  if (secondCode !== undefined) return secondCode;
  if (forced > 0) log.warn(`Cut ${connections(forced)} still open`);
  return forced > 0 ? EXIT.failed : EXIT.ok;
}

const connections = (count: number) => `${count} ${count === 1 ? "connection" : "connections"}`;
