/** The engine's surface for serve and stress. */
export { COUNTER, Counters, COUNTERS_BYTES } from "./counters.ts";
export type {
  Connection,
  Engine,
  EngineOptions,
  Handler,
  Listener,
  ListenerOptions,
  Observer,
} from "./engine.ts";
export { createEngine } from "./readiness.ts";
export type { Timer } from "./timers.ts";
export type { Thread } from "./thread.ts";
