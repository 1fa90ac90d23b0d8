/** Choosing an engine, and making one. */
import type { Engine, EngineName, EngineOptions } from "./engine.ts";
import { ReadinessEngine } from "./readiness/loop.ts";
import { UringEngine } from "./uring/loop.ts";

/** What an engine is asked for: by name, or "auto". */
export interface EngineChoice extends EngineOptions {
  readonly engine?: EngineName | "auto";
}

/** What "auto" takes on every system; docs/performance.md says why. */
export const AUTO_ENGINE: EngineName = "readiness";

/**
 * Creates the engine for this thread.
 *
 * @throws OSError, Error where the engine does not work
 */
export function createEngine(options: EngineChoice = {}): Engine {
  const { engine = "auto", ...others } = options;
  const name = engine === "auto" ? AUTO_ENGINE : engine;
  return name === "uring" ? new UringEngine(others) : new ReadinessEngine(others);
}

/** Both engines, with whether each works on this system, and why not. */
export const availableEngines = (): EngineAvailability[] =>
  (["readiness", "uring"] as const).map((name) => {
    const reason = engineMissing(name) ?? null;
    return { name, available: reason === null, reason };
  });

/** Whether an engine works on this system. */
export interface EngineAvailability {
  readonly name: EngineName;
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason: string | null;
}

/** Why an engine does not work on this system, found out by trying; undefined where it does. */
export function engineMissing(name: EngineName): string | undefined {
  try {
    createEngine({ engine: name, receiveBytes: 4096 }).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
