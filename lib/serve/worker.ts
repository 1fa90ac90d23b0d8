/** The body of a server thread: one engine, its listening sockets, until a command ends it. */
import {
  type Connection,
  COUNTER,
  Counters,
  createEngine,
  type Engine,
  type Handler,
  type Listener,
  type ListenerOptions,
} from "../engine/mod.ts";
import { Socket } from "../net/mod.ts";
import type { SelectorName } from "../selectors/mod.ts";
import { duplicate } from "../sys/posix.ts";
import { tlsListener, tlsObserver, tlsServer } from "../tls/mod.ts";
import { Admission } from "./admission.ts";
import { ServiceHandler, Session } from "./connection.ts";
import { Faults } from "./faults/faults.ts";
import type { Handoff } from "./handoff/handoff.ts";
import { type HandoffMessage, startHandoff } from "./handoff/start.ts";
import type { WorkerTableMemory } from "./handoff/worker_table.ts";
import type { ServeOptions } from "./options.ts";
import { afterRunning } from "./running_time.ts";
import { SERVE_COUNTER, ServerStats, type StatsMemory } from "./stats.ts";
import { Trace } from "./trace.ts";

/** What a server thread is given; everything in it can be cloned or is shared. */
export interface ServeWorkerData {
  readonly options: ServeOptions;
  /** The listening descriptors, which the thread owns from now on. */
  readonly listenerFds: readonly number[];
  /** One Int32: the latest command. */
  readonly control: SharedArrayBuffer;
  /** This thread's own. */
  readonly counters: SharedArrayBuffer;
  readonly stats: StatsMemory;
  /** Connections by address, with `maxPerAddress`. */
  readonly addresses: SharedArrayBuffer | undefined;
  /** For the handoff: what each handler worker does, and which loop this is. */
  readonly table: WorkerTableMemory;
  readonly loop: number;
  /** For each loop its running programs, with `--exec`. */
  readonly programs: readonly SharedArrayBuffer[] | undefined;
}

/** Commands, in the order in which they supersede each other. */
export const COMMAND = { run: 0, drain: 1, stop: 2 } as const;

export type ServeWorkerMessage =
  /** The receiver owns `wakeFd`: it stays valid when the thread has ended. */
  | { readonly type: "ready"; readonly wakeFd: number; readonly selector: SelectorName | "uring" }
  | { readonly type: "paused" | "refused" | "trace"; readonly message: string }
  | HandoffMessage
  | { readonly type: "done"; readonly forced: number }
  /** An unexpected exception. The thread has closed its connections, and ends. */
  | { readonly type: "died"; readonly message: string; readonly lost: number };

/** Serves until a command ends it. Blocks its thread. */
export function runServeWorker(
  data: ServeWorkerData,
  post: (message: ServeWorkerMessage) => void,
): void {
  const { options } = data;
  const trace = options.trace
    ? new Trace((message) => post({ type: "trace", message }))
    : undefined;
  const tls = options.tls && tlsServer(options.tls);
  const engine = createEngine({
    ...(options.engine && { engine: options.engine }),
    selector: options.selector,
    // What arrives at once must fit above the mark at which reading stops.
    receiveBytes: Math.max(1, Math.min(1 << 16, Math.floor(options.maxBuffer / 2))),
    maxQueued: options.maxBuffer,
    counters: new Counters(data.counters),
    ...(trace ? { observer: tls ? tlsObserver(trace) : trace } : {}),
  });
  const { slots } = engine.counters;
  const admission = new Admission(options, new ServerStats(data.stats), data.addresses);
  const closed = (session: Session) => {
    slots[SERVE_COUNTER.closed]!++;
    admission.leaves(session.addressKey());
  };
  const service = new ServiceHandler(engine, options, closed);
  const wrap = (inner: Handler<Session>) => trace ? trace.around(inner) : inner;
  const handoff = startHandoff(engine, options, { ...data, trace, wrap, closed, post });
  const faults = options.faults && new Faults(engine, options.faults, service);
  const newcomers: ListenerOptions<Session> = {
    handler: handoff?.handler ?? wrap(faults ?? service),
    state() {
      const session = new Session();
      if (admission.key !== undefined) session.details().addressKey = admission.key;
      slots[SERVE_COUNTER.opened]!++;
      return session;
    },
    ...(admission.filters ? { deny: (peer) => admission.denies(peer) } : {}),
    named: options.trace || handoff !== undefined,
    admit: () => admission.admits(),
    paused: (error) => post({ type: "paused", message: error.message }),
    refused: (error) => post({ type: "refused", message: error.message }),
  };
  const listeners = data.listenerFds.map((fd) => {
    const socket = Socket.fromFd(fd);
    if (!tls) return engine.listen(socket, newcomers);
    // The trace needs a name before the handshake is done.
    const accepted = (peer: Connection<Session>) => peer.state.details().peer = peer.peerName;
    return engine.listen(socket, tlsListener(engine, tls, newcomers, trace && accepted));
  });
  const wakeFd = duplicate(engine.wakeHandle.wakeFd);
  post({ type: "ready", wakeFd, selector: engine.selector });
  try {
    const forced = serve(engine, listeners, data, handoff, faults);
    handoff?.cut();
    faults?.cut();
    engine.close();
    tls?.free();
    trace?.flush();
    post({ type: "done", forced });
  } catch (error) {
    // Descriptors belong to the process: they would stay open, and the peers would wait.
    const lost = engine.active + (handoff?.active ?? 0);
    try {
      handoff?.cut();
      engine.close();
    } catch {
      engine.close(); // what has thrown before may throw again; the rest must not suffer for it
    }
    trace?.flush();
    post({ type: "died", message: (error as Error).message, lost });
  }
}

/** Turns until a command ends it; returns how many connections are left to be cut. */
function serve(
  engine: Engine,
  listeners: readonly Listener[],
  data: ServeWorkerData,
  handoff: Handoff | undefined,
  faults: Faults<Session> | undefined,
): number {
  const { options } = data;
  const control = new Int32Array(data.control);
  const active = () => engine.active + (handoff?.active ?? 0);
  let isDraining = false, isOver = false;
  for (;;) {
    const command = Atomics.load(control, 0);
    if (command === COMMAND.stop) return active();
    if (command === COMMAND.drain) {
      if (!isDraining) {
        acceptWaiting(engine, options.backlog);
        for (const listener of listeners) listener.close();
        faults?.drain();
        isDraining = true;
        afterRunning(engine, options.drainMs, () => isOver = true);
        continue; // the turns of acceptWaiting may have taken the wake-up of a newer command
      }
      if (active() === 0) return 0;
      if (isOver) {
        answerWaiting(engine, () => {
          handoff?.collect();
          return active();
        });
        return active();
      }
    }
    engine.turn();
    handoff?.collect();
  }
}

/** A look at what has arrived takes so long at most, in turns that do not wait. */
const LOOK_MS = 100;
/** So many of them without an event: a completion may be a turn behind its request. */
const QUIET_TURNS = 3;

/** Answers what has arrived by now, until nothing is left to do or `active` is 0: the process may have been stopped. */
function answerWaiting(engine: Engine, active: () => number): void {
  const { slots } = engine.counters;
  const end = performance.now() + LOOK_MS;
  for (let quiet = 0; quiet < QUIET_TURNS && active() > 0 && performance.now() < end;) {
    const before = slots[COUNTER.events]!;
    turnNow(engine);
    quiet = slots[COUNTER.events]! === before ? quiet + 1 : 0;
  }
}

function turnNow(engine: Engine): void {
  engine.after(0, () => {});
  engine.turn();
}

/** Accepts what is connected already: closing the listener would reset it. At most a backlog of them. */
function acceptWaiting(engine: Engine, backlog: number): void {
  const { slots } = engine.counters;
  const limit = slots[COUNTER.accepted]! + backlog;
  for (let before = -1; before < slots[COUNTER.accepted]! && before < limit;) {
    before = slots[COUNTER.accepted]!;
    turnNow(engine);
  }
}
