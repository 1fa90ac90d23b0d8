/**
 * select(2): three sets of descriptors. The oldest interface, and the only one everywhere.
 *
 * On Unix descriptor numbers must lie below FD_SETSIZE (1024), and a wait costs time in proportion to
 * the highest one; on Windows there may be as many sockets.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import { cannotWatch, checkPollable } from "../sys/pollable.ts";
import { isOpen } from "../sys/posix.ts";
import { system } from "../sys/system.ts";
import { BaseSelector } from "./base.ts";
import { Bitmaps, type FdSets } from "./select_bitmaps.ts";
import { ReadyList } from "./ready_list.ts";
import { PRIORITY, type Registration } from "./registration.ts";
import { EVENT_PRIORITY } from "./selector.ts";
import { SocketSets } from "./select_arrays.ts";

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
  /** "select" */
  readonly name = "select";
  /** Priority events: the third set. */
  protected override readonly modes: number = PRIORITY;
  readonly #sets: FdSets = system === "windows" ? new SocketSets() : new Bitmaps();
  readonly #ready = new ReadyList<Registration<T>>();

  /** Puts the descriptor into the sets. */
  protected override add(registration: Registration<T>): void {
    this.#sets.admit(registration.fd);
    checkPollable(registration.fd);
    this.#set(registration, registration.key.events);
  }

  #set(registration: Registration<T>, events: number): void {
    registration.slot = registration.fd;
    const urgent = registration.modes & PRIORITY ? EVENT_PRIORITY : 0;
    this.#sets.ask(registration.fd, events | urgent);
  }

  /** Puts it into other sets. */
  protected override change(registration: Registration<T>, events: number): void {
    if (!isOpen(registration.fd)) throw cannotWatch(ERRNO.EBADF!, registration.fd);
    this.#set(registration, events);
  }

  /** Takes it out of all sets. */
  protected override remove(registration: Registration<T>): void {
    if (registration.slot === -1) return;
    registration.slot = -1;
    this.#sets.ask(registration.fd, 0);
  }

  /** One select; again without those that have been closed meanwhile. */
  protected override wait(timeoutMs: number): number {
    for (;;) {
      const result = this.#sets.select(timeoutMs);
      if (result >= 0) return this.#collect(result);
      const error = errno();
      if (error !== ERRNO.EBADF || !this.#dropClosed()) return -error;
    }
  }

  /** Closed while registered: epoll forgets such a descriptor, so select must no longer be asked. */
  #dropClosed(): boolean {
    let dropped = false;
    for (const registration of this.registrations) {
      if (!registration || registration.slot === -1 || isOpen(registration.fd)) continue;
      this.remove(registration);
      dropped = true;
    }
    return dropped;
  }

  #collect(expected: number): number {
    this.#ready.clear();
    this.#sets.collect(expected, this.registrations, this.#ready);
    return this.#ready.length;
  }

  /** What `wait` has found, unless it was unregistered since. */
  protected override take(index: number): Registration<T> | undefined {
    const registration = this.#ready.item(index);
    if (!registration.live) return undefined;
    this.taken = this.raw = this.#ready.bits(index);
    return registration;
  }

  /** Nothing to do: a closed descriptor makes select fail, which `wait` repairs. */
  protected override recover(): void {}

  /** Nothing is held but memory. */
  protected override release(): void {
    this.#ready.clear();
  }
}
