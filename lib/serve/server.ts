/** A server as its owner sees it: where it listens, what it counts, and how it ends. */
import { formatAddress } from "../net/mod.ts";
import { admissionMemory } from "./admission.ts";
import { type ServerEvents, type Spawn, WorkerPool } from "./worker_pool.ts";
import { HandlerPool, type SpawnHandler, type WorkerRequest } from "./handoff/handler_pool.ts";
import { openListeners } from "./listeners.ts";
import type { ServeOptions } from "./options.ts";
import { workerTableMemory } from "./handoff/worker_table.ts";
import { collectStats, ConnectionCount, type Stats } from "./stats.ts";
import { COMMAND } from "./worker.ts";

export type { ServerEvents, Spawn } from "./worker_pool.ts";

/** A running server. */
export class Server {
  /** Where it listens: "127.0.0.1:9999" or "unix:PATH"; more than one when it was given sockets. */
  readonly names: readonly string[];
  readonly options: ServeOptions;
  /** It was told to end: nobody new is served. */
  draining = false;
  /** Resolves when all threads have ended, with how many connections had to be cut. */
  readonly done: Promise<number>;

  /** After the end: false when a handler's thread could not be ended, and keeps the process alive. */
  allEnded = true;

  readonly #workers: WorkerPool;
  readonly #connections: ConnectionCount;
  readonly #startedAt = performance.now();

  private constructor(
    names: string[],
    options: ServeOptions,
    workers: WorkerPool,
    connections: ConnectionCount,
    pool: HandlerPool | undefined,
  ) {
    this.names = names;
    this.options = options;
    // The loops first: they tell the handlers that are still at it that their connections are gone.
    const end = async () => this.allEnded = await pool?.stop() ?? true;
    this.done = workers.done.finally(end);
    this.done.catch(() => {}); // a failed start is reported by `start`
    this.#workers = workers;
    this.#connections = connections;
  }

  /**
   * Loads the handler if there is one, listens and starts the threads; resolves when all of them serve.
   *
   * @throws OSError when the address can't be bound, ResolveError when the host has none, HandlerError
   */
  static async start(
    options: ServeOptions,
    spawn: Spawn,
    events: ServerEvents = {},
    spawnHandler?: SpawnHandler,
  ): Promise<Server> {
    const pool = await startPool(options, spawnHandler, events);
    const listeners = await openListeners(options).catch(async (error) => {
      await pool?.stop();
      throw error;
    });
    const connections = new ConnectionCount();
    const table = pool?.memory ?? workerTableMemory(options.workers, 0);
    const data = { options, admission: admissionMemory(options, connections), table };
    const fds = listeners.sockets.map((sockets) => sockets.map((socket) => socket.detach()));
    const request = (request: WorkerRequest) => void pool?.request(request);
    const workers = new WorkerPool(fds, spawn, data, { ...events, request });
    const cleanUp = () => listeners.cleanUp();
    workers.done.then(cleanUp, cleanUp);
    const names = listeners.addresses.map(formatAddress);
    const server = new Server(names, options, workers, connections, pool);
    await workers.start();
    return server;
  }

  /** Where it listens first. */
  get name(): string {
    return this.names[0]!;
  }

  /** The selector that is really used. */
  get selector(): string {
    return this.#workers.selector;
  }

  stats(): Stats {
    return collectStats(this.#workers, this.#connections, this.#startedAt);
  }

  /** Stops accepting; open connections may finish within the drain timeout. */
  drain(): Promise<number> {
    this.draining = true;
    return this.#workers.tell(COMMAND.drain);
  }

  /** Cuts everything now. */
  stop(): Promise<number> {
    this.draining = true;
    return this.#workers.tell(COMMAND.stop);
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
