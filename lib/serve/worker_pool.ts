/** The threads of a server: started, sent commands, and replaced when one of them dies. */
import type { Thread } from "../engine/mod.ts";
import { wakeDescriptor } from "../selectors/waker.ts";
import { closeFd, duplicate } from "../sys/posix.ts";
import type { WorkerRequest } from "./handoff/handler_pool.ts";
import { endPrograms } from "./handoff/program_executor.ts";
import type { ServerStats } from "./stats.ts";
import { COMMAND, type ServeWorkerData, type ServeWorkerMessage } from "./worker.ts";

/** Starts a thread of a role; main.ts provides it, because Workers can only be started there. */
export type Spawn = (role: "serve", data: ServeWorkerData) => Thread;

/** A worker that dies this often within this time would do so for ever. */
const DEATHS = 5;
const DEATHS_MS = 10_000;

export type SharedData = Omit<ServeWorkerData, "listenerFds" | "counters" | "control" | "loop">;

/** What happens in a server that its owner may want to know, as sentences. */
export interface ServerEvents {
  /** It listens: from now on there is something to end in order. */
  bound?(): void;
  warned?(message: string): void;
  paused?(message: string): void;
  refused?(message: string): void;
  /** A thread has died and another takes its place. */
  replaced?(message: string): void;
  /** A handler has failed on a connection, by itself or because its peer is gone. */
  failed?(message: string): void;
  gone?(message: string): void;
  trace?(lines: string): void;
}

/** What outlives a thread: its successor has its listeners, its counters and its programs. */
interface Member {
  readonly name: string;
  readonly loop: number;
  /** Duplicates, so that connections that are not accepted yet survive the thread. */
  listenerFds: number[];
  wakeFd: number;
  deaths: number[];
}

export class WorkerPool {
  /** Resolves when all have ended, with how many connections were cut. */
  readonly done: Promise<number>;

  readonly #members: Member[];
  readonly #spawn: Spawn;
  readonly #data: SharedData;
  readonly #stats: ServerStats;
  readonly #events: ServerEvents;
  readonly #request: (request: WorkerRequest) => void;
  readonly #control = new Int32Array(new SharedArrayBuffer(4));
  readonly #end = Promise.withResolvers<number>();
  #running: number;
  #forced = 0;
  #failure: Error | undefined;

  /** Owns the listening descriptors, of which each worker has its own. `request` is for handler workers. */
  constructor(
    listenerFds: number[][],
    spawn: Spawn,
    data: SharedData,
    stats: ServerStats,
    events: ServerEvents,
    request: (request: WorkerRequest) => void = () => {},
  ) {
    this.#members = listenerFds.map((listenerFds, loop) => ({
      ...{ name: `Worker ${loop + 1}`, loop, listenerFds, wakeFd: -1, deaths: [] },
    }));
    this.#running = this.#members.length;
    this.#spawn = spawn;
    this.#data = data;
    this.#stats = stats;
    this.#events = events;
    this.#request = request;
    this.done = this.#end.promise;
    this.done.catch(() => {}); // a failed start is reported by `start`
  }

  /** Resolves when all threads serve. @throws what has kept one from it */
  async start(): Promise<void> {
    const launched = Promise.all(this.#members.map((member) => this.#launch(member)));
    await Promise.race([launched, this.done]);
  }

  /** Sends a command to all threads; a later one supersedes an earlier one. */
  send(command: number): Promise<number> {
    // Before the threads close theirs: a connection that nothing will accept should be refused.
    for (const member of this.#members) stopListening(member);
    Atomics.store(this.#control, 0, command);
    for (const { wakeFd } of this.#members) if (wakeFd >= 0) wakeDescriptor(wakeFd);
    return this.done;
  }

  #launch(member: Member): Promise<void> {
    return new Promise((ready) => {
      let isServing = false, isFinished = false;
      let death: Error | undefined;
      let isCleanedUp = true; // false: its connections are open, and belong to no thread
      const thread = this.#spawn("serve", {
        ...this.#data,
        listenerFds: member.listenerFds.map(duplicate),
        loop: member.loop,
        counters: this.#stats.memory.workers[member.loop]!,
        control: this.#control.buffer as SharedArrayBuffer,
      });
      thread.on("message", (message: ServeWorkerMessage) => {
        if (message.type === "ready") {
          this.#stats.selector = message.selector;
          member.wakeFd = message.wakeFd;
          isServing = true;
          if (this.#isEnding) wakeDescriptor(message.wakeFd); // the command came before there was anything to wake
          ready();
        } else if (message.type === "died") {
          death = new Error(message.message);
          if (this.#isEnding) this.#forced += message.lost;
          else this.#stats.addDeath(message.lost, false);
        } else if (message.type === "done") {
          isFinished = true;
          this.#forced += message.forced;
        } else if ("worker" in message) this.#request(message);
        else this.#events[message.type]?.(message.message);
      });
      thread.on("error", (error) => {
        isCleanedUp = !isServing || death !== undefined;
        death ??= error;
      });
      thread.on("exit", (code) => {
        if (member.wakeFd >= 0) closeFd(member.wakeFd);
        member.wakeFd = -1;
        if (this.#data.programs) endPrograms(this.#data.programs[member.loop]!);
        if (isFinished || (this.#isEnding && !death)) return this.#leave();
        if (!death) {
          death = new Error(`it ended with code ${code}`);
          isCleanedUp = !isServing;
        }
        // Their peers would wait for ever; the end of the process closes them.
        if (!isCleanedUp) this.#fail(new Error(`${member.name} was ended: ${death.message}`));
        else this.#replace(member, death, isServing);
      });
    });
  }

  get #isEnding(): boolean {
    return Atomics.load(this.#control, 0) !== COMMAND.run;
  }

  #replace(member: Member, death: Error, wasServing: boolean): void {
    const isFirst = member.deaths.length === 0;
    const now = performance.now();
    member.deaths = [...member.deaths.filter((at) => now - at < DEATHS_MS), now];
    if (this.#isEnding) return this.#leave();
    if (isFirst && !wasServing) return this.#fail(death);
    if (member.deaths.length >= DEATHS) {
      const often = `${member.name} died ${DEATHS} times within ${DEATHS_MS / 1000} s`;
      return this.#fail(new Error(`${often}, the last time of this: ${death.message}`));
    }
    this.#stats.addDeath(0, true);
    this.#events.replaced?.(
      `${member.name} died: ${death.message}; its connections are lost (${this.#stats.lost} so ` +
        "far by deaths of workers), another takes its place",
    );
    // No descriptor, or no thread, may be left.
    this.#launch(member).catch((error) => this.#fail(error));
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    void this.send(COMMAND.stop);
    this.#leave();
  }

  #leave(): void {
    if (--this.#running > 0) return;
    for (const member of this.#members) stopListening(member);
    if (this.#failure) this.#end.reject(this.#failure);
    else this.#end.resolve(this.#forced);
  }
}

function stopListening(member: Member): void {
  for (const fd of member.listenerFds.splice(0)) closeFd(fd);
}
