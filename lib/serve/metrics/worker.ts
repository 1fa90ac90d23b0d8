/** The body of the thread that answers HTTP: whatever the loops and the main thread are doing. */
import { createEngine, type Engine } from "../../engine/mod.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { closeFd, duplicate } from "../../sys/posix.ts";
import { acceptFd } from "../../sys/socket/sockets.ts";
import { ServerStats, type StatsMemory } from "../stats.ts";
import { HttpHandler } from "./http.ts";

export interface MetricsWorkerData {
  /** Listening sockets, which are the thread's from now on. */
  readonly listenerFds: readonly number[];
  readonly stats: StatsMemory;
  readonly version: string;
  /** One Int32: other than 0 when the thread is to end. */
  readonly control: SharedArrayBuffer;
}

/** What the thread says: the receiver owns `wakeFd`. */
export interface MetricsWorkerMessage {
  readonly type: "ready";
  readonly wakeFd: number;
}

/** Descriptors kept for the case that there are no others. */
const SPARES = 4;
const PAUSE_MS = 100;

/** Answers until `control` ends it. Blocks its thread. */
export function runMetricsWorker(
  data: MetricsWorkerData,
  post: (message: MetricsWorkerMessage) => void,
): void {
  const engine = createEngine();
  const spares = new Spares(data.listenerFds[0]!);
  const handler = new HttpHandler(
    engine,
    new ServerStats(data.stats),
    data.version,
    () => spares.refill(),
  );
  for (const fd of data.listenerFds) acceptAlways(engine, fd, spares, handler);
  const control = new Int32Array(data.control);
  post({ type: "ready", wakeFd: duplicate(engine.wakeHandle.wakeFd) });
  while (Atomics.load(control, 0) === 0) engine.turn();
  engine.close();
  for (const fd of data.listenerFds) closeFd(fd);
}

/** Accepts what comes; out of descriptors it takes one of the spares, and without those it pauses. */
function acceptAlways(engine: Engine, fd: number, spares: Spares, handler: HttpHandler): void {
  const accept = () => {
    const accepted = acceptFd(fd);
    if (accepted >= 0) return handler.adopt(accepted);
    const error = errno();
    if (error !== ERRNO.EMFILE && error !== ERRNO.ENFILE) return; // it has gone, or the next is fine
    if (spares.release()) return accept();
    watch.close();
    engine.after(PAUSE_MS, () => watch = engine.watch(fd, accept));
  };
  let watch = engine.watch(fd, accept);
}

/** Descriptors that are there to be closed. */
class Spares {
  readonly #of: number;
  readonly #fds: number[] = [];

  constructor(of: number) {
    this.#of = of;
    this.refill();
  }
  refill(): void {
    try {
      while (this.#fds.length < SPARES) this.#fds.push(duplicate(this.#of));
    } catch {
      // There is none now; the end of the next connection is another chance.
    }
  }
  /** Closes one, so that its number is free; false when none is left. */
  release(): boolean {
    const fd = this.#fds.pop();
    if (fd !== undefined) closeFd(fd);
    return fd !== undefined;
  }
}
