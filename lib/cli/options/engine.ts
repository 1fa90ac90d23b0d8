/** A look at the engine that was asked for, before any thread needs it. */
import { engineConflict, engineMissing, type EngineName } from "../../engine/mod.ts";
import type { SelectorName } from "../../selectors/mod.ts";
import { UsageError } from "../exit.ts";

/** Fails in one line here, rather than in a thread, when an engine can't be had. @throws UsageError */
export function checkEngine(
  option: string,
  name: EngineName | "auto",
  selector: SelectorName | "auto",
  traces = false,
): void {
  const conflict = engineConflict(name, selector, traces);
  if (conflict) throw new UsageError(`option '${option} ${name}': ${conflict}`);
  const missing = name === "auto" ? undefined : engineMissing(name);
  if (missing) throw new UsageError(`option '${option} ${name}': ${missing}`);
}
