/** Choosing an engine, and making one. */
import type { SelectorName } from "../selectors/mod.ts";
import type { Engine, EngineName, EngineOptions } from "./engine.ts";
import { ReadinessEngine } from "./readiness/loop.ts";
import { UringEngine } from "./uring/loop.ts";

/** What an engine is asked for: by name, or "auto" for the one that is cheaper here. */
export interface EngineChoice extends EngineOptions {
  readonly engine?: EngineName | "auto";
}

/** What "auto" takes where both work: the one that `npm run bench -- engine` has shown to cost less. */
const CHEAPER: EngineName = "readiness";

/**
 * Creates the engine for this thread. "auto" is the cheaper one of those that the system has; with a
 * selector that is named, or an observer, readiness.
 *
 * @throws OSError, Error where the engine does not work
 */
export function createEngine(options: EngineChoice = {}): Engine {
  const { engine = "readiness", ...others } = options;
  const { selector = "auto", observer } = options;
  const isFree = engine === "auto" && selector === "auto" && !observer;
  if (engine !== "uring" && !(isFree && CHEAPER !== "readiness")) {
    return new ReadinessEngine(others);
  }
  try {
    return new UringEngine(others);
  } catch (error) {
    if (engine === "uring") throw error;
    return new ReadinessEngine(others);
  }
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

/** Why an engine can't be had together with a selector, or with a trace; undefined where it can. */
export function engineConflict(
  name: EngineName | "auto",
  selector: SelectorName | "auto",
  traces: boolean,
): string | undefined {
  if (name !== "uring") return undefined;
  if (selector !== "auto") return `io_uring takes the place of the selector ${selector}`;
  return traces ? "io_uring has no readiness to trace" : undefined;
}
