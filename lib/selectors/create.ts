/** Selectors by their names, and which of them work here. */
import { checkText } from "../sys/arguments.ts";
import { EpollSelector } from "./epoll.ts";
import { KqueueSelector } from "./kqueue.ts";
import { PollSelector } from "./poll.ts";
import { SelectSelector } from "./select.ts";
import type { Selector, SelectorName } from "./selector.ts";
import { WsaPollSelector } from "./wsapoll.ts";

/**
 * A constructor of selectors.
 *
 * @example
 * ```ts
 * import { type SelectorClass, SelectSelector } from "iomux";
 *
 * const make = (Class: SelectorClass) => new Class<string>();
 * using selector = make(SelectSelector);
 * console.log(selector.name); // select
 * ```
 */
export type SelectorClass = new <T = unknown>() => Selector<T>;

const CLASSES: Readonly<Record<SelectorName, SelectorClass>> = {
  select: SelectSelector,
  poll: PollSelector,
  epoll: EpollSelector,
  kqueue: KqueueSelector,
  wsapoll: WsaPollSelector,
};
const ALL = Object.keys(CLASSES) as SelectorName[];

/** The order in which "auto" tries them. */
const PREFERENCE: readonly SelectorName[] = ["kqueue", "epoll", "wsapoll", "poll", "select"];

/**
 * Whether a backend works here, and why not otherwise.
 *
 * @example
 * ```ts
 * import { availableSelectors, type SelectorAvailability } from "iomux";
 *
 * const usable = ({ available }: SelectorAvailability) => available;
 * console.log(availableSelectors().filter(usable).length > 0); // true
 * ```
 */
export interface SelectorAvailability {
  /** Which backend. */
  readonly name: SelectorName;
  /** It can be created and waits. */
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason?: string;
}

/**
 * Every backend that exists, with whether it can be had here, found out by really creating it.
 *
 * @example
 * ```ts
 * import { availableSelectors } from "iomux";
 *
 * const lines = availableSelectors().map(({ name, available, reason }) =>
 *   `${name}: ${available ? "works" : reason}`
 * );
 * console.log(lines.join("; ")); // e.g. select: works; poll: works; epoll: works; kqueue: …
 * ```
 */
export function availableSelectors(): SelectorAvailability[] {
  return ALL.map((name) => {
    const failure = whyNot(name);
    return failure
      ? { name, available: false, reason: failure.message }
      : { name, available: true };
  });
}

function whyNot(name: SelectorName): Error | undefined {
  try {
    const selector = new CLASSES[name]();
    selector.select(0); // a system may have the call and refuse it (seccomp: ENOSYS, EPERM)
    selector.close();
  } catch (error) {
    return error as Error;
  }
}

const SCARCE = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]);
/** Out of descriptors or memory is a matter of the moment; anything else means that it can't be had. */
const isScarcity = (error: unknown) => SCARCE.has((error as { code?: string }).code ?? "");

/** The environment variable that forces a backend wherever "auto" is asked for. */
const OVERRIDE = "IOMUX_SELECTOR";

function preferred(): SelectorName {
  let forced: string | undefined;
  try {
    forced = process.env[OVERRIDE];
  } catch {
    // Deno without --allow-env.
  }
  if (forced && forced !== "auto") return forced as SelectorName;
  const failures: Error[] = [];
  for (const name of PREFERENCE) {
    const failure = whyNot(name);
    if (!failure) return name;
    failures.push(failure);
  }
  throw failures.find(isScarcity) ?? new Error("No selector is available on this system");
}

/**
 * Creates a selector by name; "auto" takes the best that works here (kqueue, epoll, poll, select), or
 * the one that the environment variable IOMUX_SELECTOR names.
 *
 * @throws RangeError when there is no such backend, Error when it is not available here
 *
 * @example
 * ```ts
 * import { createSelector } from "iomux";
 *
 * using best = createSelector();
 * using oldest = createSelector("select");
 * console.log(best.name, oldest.name); // e.g. epoll select
 * ```
 */
export function createSelector<T = unknown>(name: SelectorName | "auto" = "auto"): Selector<T> {
  checkText(name, "name of a selector");
  const chosen = name === "auto" ? preferred() : name;
  if (!ALL.includes(chosen)) {
    throw new RangeError(`Unknown selector "${chosen}"; there are ${ALL.join(", ")} and auto`);
  }
  try {
    return new CLASSES[chosen]<T>();
  } catch (error) {
    if (isScarcity(error)) throw error;
    throw new Error(`Cannot use ${chosen}: ${(error as Error).message}`, { cause: error });
  }
}

/** The class of what `preferred` chooses; undefined when the environment names one that can't be had. */
export function preferredClass(): SelectorClass | undefined {
  const name = preferred();
  // `preferred` has tried its own choice, but not what the environment says.
  return ALL.includes(name) && whyNot(name) === undefined ? CLASSES[name] : undefined;
}
