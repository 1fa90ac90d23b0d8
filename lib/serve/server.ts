/** A server as its owner sees it: threads, each with an engine, that are told to drain or to stop. */
import { Counters, COUNTERS_BYTES, type Thread } from "../engine/mod.ts";
import { formatAddress } from "../net/mod.ts";
import { wake } from "../selectors/mod.ts";
import { closeFd } from "../sys/posix.ts";
import { openListeners } from "./listeners.ts";
import type { ServeOptions } from "./options.ts";
import { collectStats, Population, type Stats } from "./stats.ts";
import { COMMAND, type ServeWorkerData, type ServeWorkerMessage } from "./worker.ts";

/** Starts a thread of a role; main.ts provides it, because Workers can only be started there. */
export type Spawn = (role: "serve", data: ServeWorkerData) => Thread;

/** What a server tells its owner while it runs. */
export interface ServerEvents {
  /** Nothing can be accepted for the moment, and why. */
  paused?(message: string): void;
  /** A newcomer was closed because the selector can't watch it, and why. */
  refused?(message: string): void;
}

/** A running server. */
export class Server {
  /** Where it listens: "127.0.0.1:9999" or "unix:PATH". */
  readonly name: string;
  readonly options: ServeOptions;
  /** The selector that is really used. */
  selector = "";
  /** Resolves when all threads have ended, with how many connections had to be cut. */
  readonly done: Promise<number>;

  readonly #control = new SharedArrayBuffer(4);
  readonly #population = new Population();
  readonly #counters: Counters[] = [];
  readonly #wakeFds: number[] = [];
  readonly #startedAt = performance.now();

  private constructor(name: string, options: ServeOptions, done: Promise<number>) {
    this.name = name;
    this.options = options;
    this.done = done;
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
    const done = Promise.withResolvers<number>();
    done.promise.catch(() => {}); // a failed start is reported by the race below
    const server = new Server(formatAddress(listeners.address), options, done.promise);
    let forced = 0;
    let failure: Error | undefined;
    let running = options.workers;
    const start = (listenerFd: number): Promise<void> =>
      new Promise((ready) => {
        const thread = spawn("serve", server.#threadData(listenerFd));
        thread.on("message", (message: ServeWorkerMessage) => {
          if (message.type === "ready") {
            server.selector = message.selector;
            server.#wakeFds.push(message.wakeFd);
            if (failure) wake(message); // it was told to stop when nobody could wake it yet
            ready();
          } else if (message.type === "done") forced += message.forced;
          else events[message.type]?.(message.message);
        });
        thread.on("error", (error) => {
          failure ??= error;
          void server.stop(); // the others, which can only end themselves
        });
        thread.on("exit", (code) => {
          if (code !== 0) failure ??= new Error(`A server thread ended with code ${code}`);
          if (--running > 0) return;
          for (const wakeFd of server.#wakeFds.splice(0)) closeFd(wakeFd);
          listeners.cleanUp();
          if (failure) done.reject(failure);
          else done.resolve(forced);
        });
      });
    const ready = Promise.all(listeners.sockets.map((socket) => start(socket.detach())));
    await Promise.race([ready, done.promise]);
    return server;
  }

  #threadData(listenerFd: number): ServeWorkerData {
    const counters = new SharedArrayBuffer(COUNTERS_BYTES);
    this.#counters.push(new Counters(counters));
    return {
      options: this.options,
      listenerFd,
      control: this.#control,
      counters,
      population: this.#population.memory,
    };
  }

  stats(): Stats {
    return collectStats(this.selector, this.#counters, this.#population, this.#startedAt);
  }

  /** Stops accepting; open connections may finish within the drain timeout. */
  drain(): Promise<number> {
    return this.#command(COMMAND.drain);
  }

  /** Cuts everything now. */
  stop(): Promise<number> {
    return this.#command(COMMAND.stop);
  }

  #command(command: number): Promise<number> {
    Atomics.store(new Int32Array(this.#control), 0, command);
    for (const wakeFd of this.#wakeFds) wake({ wakeFd });
    return this.done;
  }
}
