/** A server as its owner sees it: where it listens, what it counts, and how it ends. */
import { formatAddress } from "../net/mod.ts";
import { AddressCounts } from "./address_counts.ts";
import { HandlerPool, type SpawnHandler } from "./handoff/handler_pool.ts";
import { programTable } from "./handoff/program_executor.ts";
import { workerTableMemory } from "./handoff/worker_table.ts";
import { openListeners } from "./listeners.ts";
import type { ServeOptions } from "./options.ts";
import { PHASE, ServerStats, type Stats } from "./stats.ts";
import { COMMAND } from "./worker.ts";
import { type ServerEvents, type SharedData, type Spawn, WorkerPool } from "./worker_pool.ts";

export type { ServerEvents, Spawn } from "./worker_pool.ts";

export class Server {
  /** Where it listens: "127.0.0.1:9999" or "unix:PATH"; more than one for a name or handed-over sockets. */
  readonly names: readonly string[];
  readonly options: ServeOptions;
  /** Resolves when all threads have ended, with how many connections had to be cut. */
  readonly done: Promise<number>;

  /** After the end: false when a handler's thread could not be ended, and keeps the process alive. */
  allEnded = true;

  readonly #workers: WorkerPool;
  readonly #stats: ServerStats;

  private constructor(
    names: string[],
    options: ServeOptions,
    workers: WorkerPool,
    stats: ServerStats,
    pool: HandlerPool | undefined,
  ) {
    this.names = names;
    this.options = options;
    // The loops first: they shut the connections down that handlers are still working on.
    const end = async () => this.allEnded = await pool?.stop() ?? true;
    this.done = workers.done.finally(end);
    this.done.catch(() => {}); // a failed start is reported by `start`
    this.#workers = workers;
    this.#stats = stats;
  }

  /**
   * Loads the handler if there is one, listens and starts the threads; resolves when all of them serve.
   * `stats` can be read while it starts.
   *
   * @throws OSError when the address can't be bound, ResolveError when the host has none, HandlerError
   */
  static async start(
    options: ServeOptions,
    spawn: Spawn,
    events: ServerEvents = {},
    spawnHandler?: SpawnHandler,
    stats: ServerStats = ServerStats.create(options.workers),
  ): Promise<Server> {
    const pool = await startPool(options, spawnHandler, events);
    const listeners = await openListeners(options, (message) => events.warned?.(message))
      .catch(async (error) => {
        await pool?.stop();
        throw error;
      });
    events.bound?.();
    const { workers: loops, maxConnections, maxPerAddress, handoff } = options;
    const data: SharedData = {
      options,
      stats: stats.memory,
      addresses: maxPerAddress ? AddressCounts.memoryFor(maxConnections + loops) : undefined,
      table: pool?.memory ?? workerTableMemory(loops, 0),
      programs: handoff?.command &&
        Array.from({ length: loops }, () => programTable(maxConnections)),
    };
    const fds = listeners.sockets.map((sockets) => sockets.map((socket) => socket.detach()));
    const workers = new WorkerPool(fds, spawn, data, stats, events, (request) => {
      void pool?.request(request);
    });
    const cleanUp = () => listeners.cleanUp();
    workers.done.then(cleanUp, cleanUp);
    const names = listeners.addresses.map(formatAddress);
    const server = new Server(names, options, workers, stats, pool);
    await workers.start();
    stats.phase = PHASE.serving;
    return server;
  }

  /** Where it listens first. */
  get name(): string {
    return this.names[0]!;
  }

  /** The selector that is really used. */
  get selector(): string {
    return this.stats().selector;
  }

  stats(): Stats {
    return this.#stats.collect();
  }

  /** Stops accepting; open connections may finish within the drain timeout. */
  drain(): Promise<number> {
    this.#stats.phase = PHASE.draining;
    return this.#workers.send(COMMAND.drain);
  }

  stop(): Promise<number> {
    this.#stats.phase = PHASE.draining;
    return this.#workers.send(COMMAND.stop);
  }
}

function startPool(
  { handoff, workers: loops }: ServeOptions,
  spawn: SpawnHandler | undefined,
  events: ServerEvents,
): Promise<HandlerPool> | undefined {
  if (handoff?.module === undefined || !spawn) return undefined;
  const { module, workers } = handoff;
  return HandlerPool.start({ module, workers, loops }, spawn, (message) => {
    events.replaced?.(message);
  });
}
