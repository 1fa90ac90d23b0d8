import type { Selector } from "../../lib/selectors/mod.ts";

/** Makes a selector of the backend under test. */
export type Create = <T = unknown>() => Selector<T>;
