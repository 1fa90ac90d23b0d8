// For consumers whose compiler target is older than Symbol.dispose; kept in the declarations.
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Selectors: which descriptors are ready, by the operating system's own account, in the manner of Python's
 * `selectors` module.
 *
 * @module
 */
import { createSelector, preferredClass, type SelectorClass } from "./create.ts";
import { EpollSelector } from "./epoll.ts";
import { KqueueSelector } from "./kqueue.ts";
import { PollSelector } from "./poll.ts";
import { SelectSelector } from "./select.ts";
import type { Selector } from "./selector.ts";
import { WsaPollSelector } from "./wsapoll.ts";

export {
  AlreadyRegisteredError,
  NotRegisteredError,
  SelectorClosedError,
  UnsupportedModeError,
} from "./errors.ts";
export { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";
export type {
  DataArguments,
  DispatchCallback,
  FileObject,
  Ready,
  Selector,
  SelectorKey,
  SelectorName,
  SpinReport,
  WakeHandle,
  WatchOptions,
} from "./selector.ts";
export type { BaseSelector } from "./base.ts";
export { wake } from "./waker.ts";
export { OSError } from "../sys/errno.ts";
export { EpollSelector, KqueueSelector, PollSelector, SelectSelector, WsaPollSelector };
export { availableSelectors, createSelector } from "./create.ts";
export type { SelectorAvailability, SelectorClass } from "./create.ts";

/** Throws what `createSelector` says of a name in IOMUX_SELECTOR that can't be had. */
class UnavailableSelector {
  constructor() {
    createSelector("auto");
  }
}

/**
 * The best selector of this system, chosen by really trying; the same as `createSelector("auto")`.
 *
 * @example
 * ```ts
 * import { DefaultSelector, EVENT_READ, Socket } from "iomux";
 *
 * using server = Socket.listen({ host: "127.0.0.1" });
 * using selector = new DefaultSelector<() => void>();
 * selector.register(server, EVENT_READ, () => console.log("a client")); // a client
 * using client = Socket.connect(server.localAddress as { host: string; port: number });
 * for (const [key] of selector.select(1000)) key.data();
 * client.close();
 * ```
 */
export const DefaultSelector: SelectorClass = preferredClass() ??
  (UnavailableSelector as SelectorClass);

/** What `new DefaultSelector()` makes: a class has a type of its name. */
export type DefaultSelector<T = unknown> = Selector<T>;
