/** The engine's surface for serve and stress. */
import type { Engine, EngineName, EngineOptions } from "./engine.ts";
import { ReadinessEngine } from "./readiness/loop.ts";
import { UringEngine } from "./uring/loop.ts";

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
export { IndexedSet } from "./indexed_set.ts";
export { OutputQueue } from "./queue.ts";
export type { Timer } from "./timers.ts";
export type { Thread } from "./thread.ts";
export type { TransportInfo } from "../sys/tcp_info.ts";

/** Creates the engine for this thread. @throws OSError, Error where it does not work */
export const createEngine = (options: EngineOptions = {}): Engine =>
  options.engine === "uring" ? new UringEngine(options) : new ReadinessEngine(options);

/** Why an engine does not work on this system, found out by trying; undefined where it does. */
export function engineMissing(name: EngineName): string | undefined {
  try {
    createEngine({ engine: name, receiveBytes: 4096 }).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
