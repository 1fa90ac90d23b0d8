/**
 * poll(2): the whole list of descriptors goes to the kernel with every wait.
 *
 * No limit on descriptor numbers, but a wait costs time in proportion to how many are registered.
 */
import { system } from "../sys/system.ts";
import { PollList } from "./poll_list.ts";
import { PRIORITY } from "./registration.ts";

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
export class PollSelector<T = unknown> extends PollList<T> {
  /** "poll" */
  readonly name = "poll";
  /** Priority events: POLLPRI. */
  protected override readonly modes: number = PRIORITY;

  /** @throws Error on Windows, which does not have it */
  constructor() {
    super();
    if (system === "windows") throw new Error("Windows has no poll(2): use wsapoll");
  }

  /** One ppoll over the whole list. */
  protected override wait(timeoutMs: number): number {
    return this.poll(timeoutMs);
  }
}
