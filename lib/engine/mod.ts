/** The engine's surface for serve and stress. */
export { Bag } from "./bag.ts";
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
export { OutputQueue } from "./queue.ts";
export { createEngine } from "./readiness/readiness.ts";
export type { Timer } from "./timers.ts";
export type { Thread } from "./thread.ts";
export type { TransportInfo } from "../sys/tcp_info.ts";
