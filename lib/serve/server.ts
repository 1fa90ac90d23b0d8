/** A server as its owner sees it: where it listens, what it counts, and how it ends. */
import { formatAddress } from "../net/mod.ts";
import { admissionMemory } from "./admission.ts";
import { Crew, type CrewEvents, type Spawn } from "./crew.ts";
import { openListeners } from "./listeners.ts";
import type { ServeOptions } from "./options.ts";
import { collectStats, Population, type Stats } from "./stats.ts";
import { COMMAND } from "./worker.ts";

export type { Spawn } from "./crew.ts";

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

  readonly #crew: Crew;
  readonly #population: Population;
  readonly #startedAt = performance.now();

  private constructor(names: string[], options: ServeOptions, crew: Crew, population: Population) {
    this.names = names;
    this.options = options;
    this.done = crew.done;
    this.#crew = crew;
    this.#population = population;
  }

  /**
   * Listens and starts the threads; resolves when all of them serve.
   *
   * @throws OSError when the address can't be bound, ResolveError when the host has none
   */
  static async start(
    options: ServeOptions,
    spawn: Spawn,
    events: ServerEvents = {},
  ): Promise<Server> {
    const listeners = await openListeners(options);
    const population = new Population();
    const data = { options, admission: admissionMemory(options, population) };
    const fds = listeners.sockets.map((sockets) => sockets.map((socket) => socket.detach()));
    const crew = new Crew(fds, spawn, data, events);
    const cleanUp = () => listeners.cleanUp();
    crew.done.then(cleanUp, cleanUp);
    const server = new Server(listeners.addresses.map(formatAddress), options, crew, population);
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
