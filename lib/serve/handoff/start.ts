/** What a server's loop needs to hand connections over: put together from its options. */
import { COUNTER, type Engine, type Handler } from "../../engine/mod.ts";
import { ERRNO } from "../../sys/errno.ts";
import { ProgramExecutor } from "./program_executor.ts";
import type { Session } from "../connection.ts";
import { HandlerExecutor } from "./handler_executor.ts";
import type { WorkerRequest } from "./handler_pool.ts";
import { Handoff } from "./handoff.ts";
import type { ServeOptions } from "../options.ts";
import { WorkerTable, type WorkerTableMemory } from "./worker_table.ts";
import type { Trace } from "../trace.ts";

/** What a loop says of handlers. */
export type HandoffMessage =
  /** A handler has failed, on its own or because its peer is gone. */
  | { readonly type: "failed" | "gone"; readonly message: string }
  | WorkerRequest;

/** The peer's doing, and no news to whoever wrote the handler. */
const GONE = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"].map((code) => ERRNO[code]));

/** What the loop brings along. */
export interface LoopParts {
  /** Of all workers of the server. */
  readonly memory: WorkerTableMemory;
  /** Which loop this is, counted from 0. */
  readonly loop: number;
  readonly trace: Trace | undefined;
  wrap(handler: Handler<Session>): Handler<Session>;
  closed(session: Session): void;
  post(message: HandoffMessage): void;
}

/** The handoff of a loop; undefined when the server answers by itself. */
export function startHandoff(
  engine: Engine,
  options: ServeOptions,
  parts: LoopParts,
): Handoff | undefined {
  if (!options.handoff) return undefined;
  const { post, trace, memory, loop } = parts;
  const { command } = options.handoff;
  const place = command
    ? new ProgramExecutor(engine, command)
    : new HandlerExecutor(memory, loop, engine.wakeHandle.wakeFd, {
      after: (ms, callback) => engine.after(ms, callback),
      moved(received, sent) {
        engine.counters.slots[COUNTER.bytesIn]! += received;
        engine.counters.slots[COUNTER.bytesOut]! += sent;
      },
      vacant: (worker) => post({ type: "vacant", worker, generation: 0 }),
      stuck: (worker, generation) => post({ type: "stuck", worker, generation }),
    });
  const table = new WorkerTable(memory);
  return new Handoff(engine, place, options, {
    wrap: parts.wrap,
    closed: parts.closed,
    nextConnection: () => table.nextConnection(),
    failed: (message, errno) => post({ type: GONE.has(errno) ? "gone" : "failed", message }),
    ...(trace
      ? {
        handing: (peer, worker) => trace.handing(peer, worker),
        cameBack: (peer, worker) => trace.cameBack(peer, worker),
      }
      : {}),
  });
}
