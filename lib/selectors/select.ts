/**
 * select(2): three sets of descriptors. The oldest interface, and the only one everywhere.
 *
 * On Unix descriptor numbers must lie below FD_SETSIZE (1024), and a wait costs time in proportion to
 * the highest one; on Windows there may be as many sockets.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import { checkPollable } from "../sys/pollable.ts";
import { isOpen } from "../sys/posix.ts";
import { system } from "../sys/system.ts";
import { type Backend, PRIORITY, type ReadyList, type Registration } from "./backend.ts";
import { BaseSelector } from "./base.ts";
import { Identities } from "./identities.ts";
import { SelectArrays } from "./select/arrays.ts";
import { SelectBitmaps, type SelectSets } from "./select/bitmaps.ts";

/** The sets, and who is in them. */
class Select implements Backend {
  readonly modes: number = PRIORITY;
  readonly pollable = -1;
  readonly #sets: SelectSets = system === "windows" ? new SelectArrays() : new SelectBitmaps();
  /** What is in the sets, by descriptor. */
  readonly #watched: (Registration | undefined)[] = [];
  readonly #identities = new Identities();

  add(registration: Registration): void {
    this.#sets.admit(registration.fd);
    checkPollable(registration.fd);
    this.#identities.note(registration.fd);
    this.#watched[registration.fd] = registration;
    this.#sets.ask(registration.fd, registration.events);
  }

  change(registration: Registration): void {
    this.#identities.check(registration.fd);
    this.#watched[registration.fd] = registration; // it may have been dropped as closed
    this.#sets.ask(registration.fd, registration.events);
  }

  dropOther(registration: Registration): boolean {
    const isOther = this.#identities.changed(registration.fd);
    if (isOther) this.remove(registration);
    return isOther;
  }

  remove({ fd }: Registration): void {
    if (this.#watched[fd]) this.#sets.ask(fd, 0);
    this.#watched[fd] = undefined;
  }

  /** One select; again without those that have been closed meanwhile. */
  wait(timeoutMs: number, ready: ReadyList): number {
    for (;;) {
      const result = this.#sets.select(timeoutMs);
      if (result >= 0) {
        this.#sets.collect(result, this.#watched, ready);
        return result;
      }
      const error = errno();
      if (error !== ERRNO.EBADF || !this.#dropClosed()) return -error;
    }
  }

  /** Closed while registered: epoll forgets such a descriptor, so select must no longer be asked. */
  #dropClosed(): boolean {
    const closed = this.#watched.filter((registration) => registration && !isOpen(registration.fd));
    for (const registration of closed) this.remove(registration!);
    return closed.length > 0;
  }

  /** Nothing to do: a closed descriptor makes select fail, which `wait` repairs. */
  recover(): void {}

  /** Nothing is held but memory. */
  close(): void {}
}

/**
 * Watches descriptors with select.
 *
 * @example
 * ```ts
 * import { EVENT_READ, SelectSelector, socketPair } from "iomux";
 *
 * using selector = new SelectSelector<string>();
 * const [a, b] = socketPair();
 * selector.register(b, EVENT_READ, "b");
 * a.send(new TextEncoder().encode("hello"));
 * selector.dispatch(1000, (key) => console.log(key.data, "is ready")); // b is ready
 * ```
 */
export class SelectSelector<T = unknown> extends BaseSelector<T> {
  /** Holds nothing but memory. */
  constructor() {
    super("select", new Select());
  }
}
