/** The body of a server thread: one engine, one listening socket, until it is told to stop. */
import { COUNTER, Counters, createEngine, type Engine } from "../engine/mod.ts";
import { Socket } from "../net/mod.ts";
import { check } from "../sys/errno.ts";
import { writeAll } from "../sys/output.ts";
import { c } from "../sys/posix.ts";
import { ServiceHandler, Session } from "./connection.ts";
import type { ServeOptions } from "./options.ts";
import { Population } from "./stats.ts";
import { Trace } from "./trace.ts";

/** What a server thread is given; everything in it can be cloned or is shared. */
export interface ServeWorkerData {
  readonly options: ServeOptions;
  /** The listening descriptor, which the thread owns from now on. */
  readonly listenerFd: number;
  /** One Int32: the latest command. */
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly population: SharedArrayBuffer;
}

/** Commands, in the order in which they supersede each other. */
export const COMMAND = { run: 0, drain: 1, stop: 2 } as const;

/** What a server thread says. */
export type ServeWorkerMessage =
  /** The receiver owns `wakeFd`: it stays valid when the thread has ended. */
  | { readonly type: "ready"; readonly wakeFd: number; readonly selector: string }
  | { readonly type: "paused" | "refused"; readonly message: string }
  | { readonly type: "done"; readonly forced: number };

/** Serves until a command ends it. Blocks its thread. */
export function runServeWorker(
  data: ServeWorkerData,
  post: (message: ServeWorkerMessage) => void,
): void {
  const { options } = data;
  const control = new Int32Array(data.control);
  const population = new Population(data.population);
  const trace = options.trace ? new Trace((line) => writeAll(2, line)) : undefined;
  const engine = createEngine({
    selector: options.selector,
    // What arrives at once must fit above the mark at which reading stops.
    receiveBytes: Math.max(1, Math.min(1 << 16, Math.floor(options.maxBuffer / 2))),
    counters: new Counters(data.counters),
    ...(trace ? { observer: trace } : {}),
  });
  const service = new ServiceHandler(engine, options, () => population.leave());
  const listener = engine.listen(Socket.fromFd(data.listenerFd), {
    handler: trace ? trace.around(service) : service,
    state: () => new Session(),
    admit: () => population.enter(options.maxConnections),
    paused: (error) => post({ type: "paused", message: error.message }),
    refused: (error) => post({ type: "refused", message: error.message }),
  });
  const wakeFd = check(c.dup(engine.wakeHandle.wakeFd), "dup");
  post({ type: "ready", wakeFd, selector: engine.selector });

  let deadline = Infinity;
  for (;;) {
    const command = Atomics.load(control, 0);
    if (command === COMMAND.stop) break;
    if (command === COMMAND.drain) {
      if (deadline === Infinity) {
        acceptWaiting(engine, options.backlog);
        listener.close();
        deadline = performance.now() + options.drainMs;
        engine.after(options.drainMs, () => {}); // ends the wait in time
        continue; // the turns of acceptWaiting may have taken the wake-up of a newer command
      }
      if (engine.active === 0 || performance.now() >= deadline) break;
    }
    engine.turn();
  }
  const forced = engine.active;
  engine.close();
  post({ type: "done", forced });
}

/** Accepts who is connected already: closing the listener would reset them. At most a backlog of them. */
function acceptWaiting(engine: Engine, backlog: number): void {
  const { slots } = engine.counters;
  const limit = slots[COUNTER.accepted]! + backlog;
  for (let before = -1; before < slots[COUNTER.accepted]! && before < limit;) {
    before = slots[COUNTER.accepted]!;
    engine.after(0, () => {}); // a turn that does not wait
    engine.turn();
  }
}
