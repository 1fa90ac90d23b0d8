/** A look at what was asked for before any thread needs it: what fails here is said in one line. */
import { engineMissing, type EngineName } from "../../engine/mod.ts";
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

/** @throws UsageError when an engine can't be had, by itself or beside another option of the same command */
export function checkEngine(
  option: "--engine" | "--client-engine",
  name: EngineName | "auto",
  selector: SelectorName | "auto",
  traces = false,
): void {
  if (name === "auto") return;
  const problem = (name === "uring" && besideUring(option, selector, traces)) ||
    engineMissing(name);
  if (problem) throw new UsageError(`option '${option} ${name}': ${problem}`);
}

function besideUring(option: string, selector: string, traces: boolean): string | undefined {
  const beside = `${option.replace("engine", "selector")} ${selector}`;
  if (selector !== "auto") return `io_uring takes the place of '${beside}'`;
  return traces ? "io_uring has no readiness for '--trace' to show" : undefined;
}
