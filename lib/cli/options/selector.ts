/** A look at the selector that was asked for, before any thread needs it. */
import { availableSelectors, createSelector, type SelectorName } from "../../selectors/mod.ts";
import { UsageError } from "../exit.ts";

/** Fails in one line here, rather than in a thread, when a selector does not work on this system. */
export function checkSelector(name: SelectorName | "auto"): void {
  try {
    createSelector(name).close();
  } catch (error) {
    const names = availableSelectors().filter((s) => s.available).map((s) => s.name);
    if (name === "auto" || names.includes(name)) throw error; // such as EMFILE
    throw new UsageError(`${(error as Error).message} (available: ${names.join(", ")})`);
  }
}
