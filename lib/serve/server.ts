/** A server as its owner sees it: where it listens, what it counts, and how it ends. */
import { formatAddress } from "../net/mod.ts";
import { admissionMemory } from "./admission.ts";
import { Crew, type CrewEvents, type Spawn } from "./worker_pool.ts";
import { HandlerPool, type SpawnHandler, type WorkerRequest } from "./handoff/handler_pool.ts";
import { openListeners } from "./listeners.ts";
import type { ServeOptions } from "./options.ts";
import { rosterMemory } from "./handoff/roster.ts";
import { collectStats, Population, type Stats } from "./stats.ts";
import { COMMAND } from "./worker.ts";

export type { Spawn } from "./worker_pool.ts";

/** What a server tells its owner while it runs. */
export type ServerEvents = CrewEvents;

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

  readonly #crew: Crew;
  readonly #population: Population;
  readonly #startedAt = performance.now();

  private constructor(
    names: string[],
    options: ServeOptions,
    crew: Crew,
    population: Population,
    pool: HandlerPool | undefined,
  ) {
    this.names = names;
    this.options = options;
    // The loops first: they tell the handlers that are still at it that their connections are gone.
    const end = async () => this.allEnded = await pool?.stop() ?? true;
    this.done = crew.done.finally(end);
    this.done.catch(() => {}); // a failed start is reported by `start`
    this.#crew = crew;
    this.#population = population;
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
    const population = new Population();
    const roster = pool?.memory ?? rosterMemory(options.workers, 0);
    const data = { options, admission: admissionMemory(options, population), roster };
    const fds = listeners.sockets.map((sockets) => sockets.map((socket) => socket.detach()));
    const request = (request: WorkerRequest) => void pool?.request(request);
    const crew = new Crew(fds, spawn, data, { ...events, request });
    const cleanUp = () => listeners.cleanUp();
    crew.done.then(cleanUp, cleanUp);
    const names = listeners.addresses.map(formatAddress);
    const server = new Server(names, options, crew, population, pool);
    await crew.start();
    return server;
  }

  /** Where it listens first. */
  get name(): string {
    return this.names[0]!;
  }

  /** The selector that is really used. */
  get selector(): string {
    return this.#crew.selector;
  }

  stats(): Stats {
    return collectStats(this.#crew, this.#population, this.#startedAt);
  }

  /** Stops accepting; open connections may finish within the drain timeout. */
  drain(): Promise<number> {
    this.draining = true;
    return this.#crew.tell(COMMAND.drain);
  }

  /** Cuts everything now. */
  stop(): Promise<number> {
    this.draining = true;
    return this.#crew.tell(COMMAND.stop);
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
