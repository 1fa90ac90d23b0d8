/** The engine's surface for serve and stress. */
import type { Engine, EngineOptions } from "./engine.ts";
import { ReadinessEngine } from "./readiness/loop.ts";

export { COUNTER, Counters, COUNTERS_BYTES } from "./counters.ts";
export type {
  Connection,
  Engine,
  EngineOptions,
  Handler,
  Listener,
  ListenerOptions,
  Observer,
  Released,
} from "./engine.ts";
export { forwarding } from "./forward.ts";
export { IndexedSet } from "./indexed_set.ts";
export { OutputQueue } from "./queue.ts";
export type { Timer } from "./timers.ts";
export type { Thread } from "./thread.ts";
export type { TransportInfo } from "../sys/tcp_info.ts";

/** Creates the engine for this thread. */
export const createEngine = (options: EngineOptions = {}): Engine => new ReadinessEngine(options);
