/** What a server's loop needs to hand connections over: put together from its options. */
import { COUNTER, type Engine, type Handler } from "../../engine/mod.ts";
import { ERRNO } from "../../sys/errno.ts";
import type { Session } from "../connection.ts";
import type { ServeOptions } from "../options.ts";
import { afterRunning } from "../running_time.ts";
import type { Trace } from "../trace.ts";
import { HandlerExecutor } from "./handler_executor.ts";
import type { WorkerRequest } from "./handler_pool.ts";
import { Handoff } from "./handoff.ts";
import { ProgramExecutor } from "./program_executor.ts";
import { WorkerTable, type WorkerTableMemory } from "./worker_table.ts";

export type HandoffMessage =
  /** A handler has failed, on its own or because its peer is gone. */
  | { readonly type: "failed" | "gone"; readonly message: string }
  | WorkerRequest;

/** The peer's doing, which the author of the handler can't help. */
const GONE = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"].map((code) => ERRNO[code]));

export interface LoopParts {
  /** Of all workers of the server. */
  readonly table: WorkerTableMemory;
  /** Which loop this is, counted from 0. */
  readonly loop: number;
  /** For each loop its running programs, with a command. */
  readonly programs: readonly SharedArrayBuffer[] | undefined;
  readonly trace: Trace | undefined;
  wrap(handler: Handler<Session>): Handler<Session>;
  closed(session: Session): void;
  post(message: HandoffMessage): void;
}

/** The handoff of a loop; undefined when the server answers by itself. */
export function startHandoff(
  engine: Engine,
  options: ServeOptions,
  { post, trace, table, loop, programs, wrap, closed }: LoopParts,
): Handoff | undefined {
  if (!options.handoff) return undefined;
  const { command } = options.handoff;
  const executor = command
    ? new ProgramExecutor(engine, command, programs![loop]!)
    : new HandlerExecutor(table, loop, engine.wakeHandle.wakeFd, {
      after: (ms, callback) => afterRunning(engine, ms, callback),
      moved(received, sent) {
        engine.counters.slots[COUNTER.bytesIn]! += received;
        engine.counters.slots[COUNTER.bytesOut]! += sent;
      },
      vacant: (worker) => post({ type: "vacant", worker, generation: 0 }),
      stuck: (worker, generation) => post({ type: "stuck", worker, generation }),
    });
  const workers = new WorkerTable(table);
  return new Handoff(engine, executor, options, {
    wrap,
    closed,
    nextConnection: () => workers.nextConnection(),
    failed: (message, errno) => post({ type: GONE.has(errno) ? "gone" : "failed", message }),
    handing: (peer, worker) => trace?.handing(peer, worker),
    cameBack: (peer, worker) => trace?.cameBack(peer, worker),
  });
}
