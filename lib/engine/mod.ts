/** The engine's surface for serve and stress. */
export {
  AUTO_ENGINE,
  availableEngines,
  createEngine,
  type EngineAvailability,
  type EngineChoice,
  engineMissing,
} from "./create.ts";
export { COUNTER, Counters, COUNTERS_BYTES } from "./counters.ts";
export type {
  Connection,
  Engine,
  EngineName,
  EngineOptions,
  Handler,
  Listener,
  ListenerOptions,
  Observer,
  Released,
} from "./engine.ts";
export { forwarding } from "./forward.ts";
export { OutputQueue } from "./queue.ts";
export type { Timer } from "./timers.ts";
export type { Thread } from "./thread.ts";
export type { TransportInfo } from "../sys/socket/tcp_info.ts";
