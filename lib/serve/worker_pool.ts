/** The threads of a server: started, told when to end, and replaced when one of them dies. */
import { Counters, COUNTERS_BYTES, type Thread } from "../engine/mod.ts";
import { wake } from "../selectors/mod.ts";
import { closeFd, duplicate } from "../sys/posix.ts";
import type { WorkerRequest } from "./handoff/handler_pool.ts";
import { COMMAND, type ServeWorkerData, type ServeWorkerMessage } from "./worker.ts";

/** Starts a thread of a role; main.ts provides it, because Workers can only be started there. */
export type Spawn = (role: "serve", data: ServeWorkerData) => Thread;

/** Whoever dies this often within this time would do so for ever. */
const DEATHS = 5;
const DEATHS_MS = 10_000;

/** What a thread needs beside what its own place gives it. */
export type SharedData = Omit<ServeWorkerData, "listenerFds" | "counters" | "control" | "loop">;

/** What a workers tells while it works. */
export interface ServerEvents {
  paused?(message: string): void;
  refused?(message: string): void;
  /** A thread has died and another takes its place. */
  replaced?(message: string): void;
  /** A handler has failed on a connection, by itself or because its peer is gone. */
  failed?(message: string): void;
  gone?(message: string): void;
  /** What becomes of handler workers is not the workers's business. */
  request?(request: WorkerRequest): void;
}

/** A thread's place: it outlives the thread, and whoever takes over finds its listeners and counts. */
class Place {
  readonly name: string;
  /** Duplicates, so that connections which nobody has accepted yet survive the thread. */
  listenerFds: number[];
  readonly counters = new Counters(new SharedArrayBuffer(COUNTERS_BYTES));
  wakeFd = -1;
  deaths: number[] = [];

  constructor(name: string, listenerFds: number[]) {
    this.name = name;
    this.listenerFds = listenerFds;
  }

  stopListening(): void {
    for (const fd of this.listenerFds.splice(0)) closeFd(fd);
  }
}

/** All threads of one server. */
export class WorkerPool {
  /** Resolves when all have ended, with how many connections were cut. */
  readonly done: Promise<number>;
  /** The selector that is really used. */
  selector = "";
  /** How many threads have died and been replaced. */
  restarts = 0;
  /** How many connections they took with them. */
  lost = 0;

  readonly #places: Place[];
  readonly #spawn: Spawn;
  readonly #data: SharedData;
  readonly #events: ServerEvents;
  readonly #control = new Int32Array(new SharedArrayBuffer(4));
  readonly #end = Promise.withResolvers<number>();
  #running: number;
  #forced = 0;
  #failure: Error | undefined;

  /** Owns the listening descriptors, of which each worker has its own. */
  constructor(listenerFds: number[][], spawn: Spawn, data: SharedData, events: ServerEvents) {
    this.#places = listenerFds.map((fds, i) => new Place(`Worker ${i + 1}`, fds));
    this.#running = this.#places.length;
    this.#spawn = spawn;
    this.#data = data;
    this.#events = events;
    this.done = this.#end.promise;
    this.done.catch(() => {}); // a failed start is reported by `start`
  }

  get counters(): readonly Counters[] {
    return this.#places.map(({ counters }) => counters);
  }

  /** Resolves when all threads serve. @throws what has kept one from it */
  async start(): Promise<void> {
    await Promise.race([Promise.all(this.#places.map((place) => this.#launch(place))), this.done]);
  }

  /** Tells all threads; a later command supersedes an earlier one. */
  tell(command: number): Promise<number> {
    // Before the threads close theirs: nobody may connect when nobody accepts any more.
    for (const place of this.#places) place.stopListening();
    Atomics.store(this.#control, 0, command);
    for (const { wakeFd } of this.#places) if (wakeFd >= 0) wake({ wakeFd });
    return this.done;
  }

  #launch(place: Place): Promise<void> {
    return new Promise((ready) => {
      let served = false, finished = false;
      let death: Error | undefined;
      let leftBehind = false; // its connections: nobody has closed them
      const thread = this.#spawn("serve", {
        ...this.#data,
        listenerFds: place.listenerFds.map(duplicate),
        loop: this.#places.indexOf(place),
        counters: place.counters.memory as SharedArrayBuffer,
        control: this.#control.buffer as SharedArrayBuffer,
      });
      thread.on("message", (message: ServeWorkerMessage) => {
        if (message.type === "ready") {
          this.selector = message.selector;
          place.wakeFd = message.wakeFd;
          served = true;
          if (this.#ending) wake(message); // it was told when nobody could wake it yet
          ready();
        } else if (message.type === "died") {
          death = new Error(message.message);
          if (this.#ending) this.#forced += message.lost;
          else this.lost += message.lost;
        } else if (message.type === "done") {
          finished = true;
          this.#forced += message.forced;
        } else if ("worker" in message) this.#events.request?.(message);
        else this.#events[message.type]?.(message.message);
      });
      thread.on("error", (error) => {
        leftBehind = served && !death;
        death ??= error;
      });
      thread.on("exit", (code) => {
        if (place.wakeFd >= 0) closeFd(place.wakeFd);
        place.wakeFd = -1;
        if (finished || (this.#ending && !death)) return this.#left();
        if (!death) {
          death = new Error(`it ended with code ${code}`);
          leftBehind = served;
        }
        // Their peers would wait for ever; the end of the process is an answer.
        if (leftBehind) this.#fail(new Error(`${place.name} was ended: ${death.message}`));
        else this.#died(place, death, served);
      });
    });
  }

  get #ending(): boolean {
    return Atomics.load(this.#control, 0) !== COMMAND.run;
  }

  #died(place: Place, death: Error, served: boolean): void {
    const first = place.deaths.length === 0;
    const now = performance.now();
    place.deaths = [...place.deaths.filter((at) => now - at < DEATHS_MS), now];
    if (this.#ending) return this.#left();
    if (first && !served) return this.#fail(death);
    if (place.deaths.length >= DEATHS) {
      const often = `${place.name} died ${DEATHS} times within ${DEATHS_MS / 1000} s`;
      return this.#fail(new Error(`${often}, the last time of this: ${death.message}`));
    }
    this.restarts++;
    this.#events.replaced?.(
      `${place.name} died: ${death.message}; its connections are lost (${this.lost} so far by ` +
        "deaths of workers), another takes its place",
    );
    this.#launch(place).catch((error) => this.#fail(error)); // no descriptor, or no thread, to be had
  }

  /** The others can only end themselves. */
  #fail(failure: Error): void {
    this.#failure ??= failure;
    void this.tell(COMMAND.stop);
    this.#left();
  }

  #left(): void {
    if (--this.#running > 0) return;
    for (const place of this.#places) place.stopListening();
    if (this.#failure) this.#end.reject(this.#failure);
    else this.#end.resolve(this.#forced);
  }
}
