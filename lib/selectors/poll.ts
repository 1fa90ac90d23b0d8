/**
 * poll(2): the whole list of descriptors goes to the kernel with every wait.
 *
 * No limit on descriptor numbers, but a wait costs time in proportion to how many are registered.
 */
import { system } from "../sys/system.ts";
import { BaseSelector } from "./base.ts";
import { PollList } from "./poll/list.ts";

/**
 * Watches descriptors with poll.
 *
 * @example
 * ```ts
 * import { EVENT_READ, PollSelector, socketPair } from "iomux";
 *
 * using selector = new PollSelector<string>();
 * const [a, b] = socketPair();
 * selector.register(b, EVENT_READ, "b");
 * a.send(new TextEncoder().encode("hello"));
 * selector.dispatch(1000, (key) => console.log(key.data, "is ready")); // b is ready
 * ```
 */
export class PollSelector<T = unknown> extends BaseSelector<T> {
  /** @throws Error on Windows, which does not have it */
  constructor() {
    if (system === "windows") throw new Error("Windows has no poll(2): use wsapoll");
    super("poll", new PollList());
  }
}
