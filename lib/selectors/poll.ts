/**
 * poll(2): the whole list of descriptors goes to the kernel with every wait.
 *
 * No limit on descriptor numbers, but a wait costs time in proportion to how many are registered.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import { POLLIN, POLLNVAL, POLLOUT, POLLPRI } from "../sys/constants.ts";
import { POLLFD, pollList } from "../sys/poll.ts";
import { cannotWatch, checkPollable } from "../sys/pollable.ts";
import { isOpen } from "../sys/posix.ts";
import { BaseSelector } from "./base.ts";
import { PRIORITY, type Registration } from "./registration.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

const { size: SIZE, events: EVENTS, revents: REVENTS } = POLLFD;

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
  /** "poll" */
  readonly name = "poll";
  /** Priority events: POLLPRI. */
  protected override readonly modes: number = PRIORITY;
  #list = new Native(64 * SIZE);
  #capacity = 64;
  /** The registrations in the order of the list, without gaps. */
  readonly #slots: Registration<T>[] = [];
  /** What the last wait found, copied out because callbacks change the list. */
  readonly #ready: Registration<T>[] = [];
  readonly #readyBits: number[] = [];

  /** Appends a pollfd. */
  protected override add(registration: Registration<T>): void {
    checkPollable(registration.fd);
    this.#append(registration);
  }

  #append(registration: Registration<T>): void {
    if (this.#slots.length === this.#capacity) this.#grow();
    registration.slot = this.#slots.length;
    this.#slots.push(registration);
    this.#write(registration, registration.key.events);
  }

  /** Overwrites the events of its pollfd. */
  protected override change(registration: Registration<T>, events: number): void {
    if (!isOpen(registration.fd)) throw cannotWatch(ERRNO.EBADF!, registration.fd);
    if (registration.slot === -1) this.#append(registration);
    this.#write(registration, events);
  }

  /** Fills the gap with the last pollfd, as order does not matter. */
  protected override remove(registration: Registration<T>): void {
    const { slot } = registration;
    if (slot === -1) return;
    registration.slot = -1;
    const last = this.#slots.pop()!;
    if (last === registration) return;
    // The last one moves into the gap.
    this.#slots[slot] = last;
    last.slot = slot;
    this.#write(last, last.key.events);
  }

  #write(registration: Registration<T>, events: number): void {
    const at = registration.slot * SIZE;
    const bits = (events & EVENT_READ ? POLLIN : 0) | (events & EVENT_WRITE ? POLLOUT : 0) |
      (registration.modes & PRIORITY ? POLLPRI : 0);
    this.#list.view.setInt32(at, registration.fd, true);
    this.#list.view.setInt32(at + EVENTS, bits, true); // and no revents
  }

  #grow(): void {
    const old = this.#list;
    this.#capacity *= 2;
    this.#list = new Native(this.#capacity * SIZE);
    this.#list.bytes.set(old.bytes);
  }

  /** One ppoll over the whole array. */
  protected override wait(timeoutMs: number): number {
    const result = pollList(this.#list.pointer, this.#slots.length, timeoutMs);
    return result === -1 ? -errno() : this.#collect(result);
  }

  #collect(expected: number): number {
    const { view } = this.#list;
    this.#ready.length = 0;
    this.#readyBits.length = 0;
    let closed: Registration<T>[] | undefined;
    for (let slot = 0, left = expected; left > 0; slot++) {
      const bits = view.getInt16(slot * SIZE + REVENTS, true);
      if (bits === 0) continue;
      left--;
      const registration = this.#slots[slot]!;
      this.#ready.push(registration);
      this.#readyBits.push(bits);
      if (bits & POLLNVAL) (closed ??= []).push(registration);
    }
    // Closed while registered. epoll forgets such a descriptor; so do we, or every wait would return
    // at once. The registration stays until it is unregistered.
    for (const registration of closed ?? []) this.remove(registration);
    return expected;
  }

  /** What `wait` has found, unless it was unregistered since. */
  protected override take(index: number): Registration<T> | undefined {
    const registration = this.#ready[index]!;
    if (!registration.live || registration.slot === -1) return undefined;
    const bits = this.#readyBits[index]!;
    // Errors and hang-ups wake readers and writers alike.
    this.taken = (bits & ~(POLLIN | POLLPRI) ? EVENT_WRITE : 0) |
      (bits & ~(POLLOUT | POLLPRI) ? EVENT_READ : 0) | (bits & POLLPRI ? EVENT_PRIORITY : 0);
    this.raw = bits;
    return registration;
  }

  /** Nothing to do: a closed descriptor left the list when it was reported. */
  protected override recover(): void {}

  /** Nothing is held but memory. */
  protected override release(): void {
    this.#slots.length = 0;
    this.#ready.length = 0;
  }
}
