/** A look at what was asked for before any thread needs it: what fails here is said in one line. */
import { engineConflict, engineMissing, type EngineName } from "../../engine/mod.ts";
import { availableSelectors, createSelector, type SelectorName } from "../../selectors/mod.ts";
import { UsageError } from "../exit.ts";

/** @throws UsageError when a selector does not work on this system */
export function checkSelector(name: SelectorName | "auto"): void {
  try {
    createSelector(name).close();
  } catch (error) {
    const names = availableSelectors().filter((s) => s.available).map((s) => s.name);
    if (name === "auto" || names.includes(name)) throw error; // such as EMFILE
    throw new UsageError(`${(error as Error).message} (available: ${names.join(", ")})`);
  }
}

/** @throws UsageError when an engine can't be had */
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
