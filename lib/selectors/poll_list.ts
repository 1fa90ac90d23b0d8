/**
 * The list of pollfd structs that poll(2) and WSAPoll take, one for each registration.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI } from "../sys/constants.ts";
import { POLLFD, pollList } from "../sys/poll.ts";
import { cannotWatch, checkPollable } from "../sys/pollable.ts";
import { isOpen } from "../sys/posix.ts";
import { system } from "../sys/system.ts";
import { BaseSelector } from "./base.ts";
import { ReadyList } from "./ready_list.ts";
import { PRIORITY, type Registration } from "./registration.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

const { size: SIZE, events: EVENTS, revents: REVENTS } = POLLFD;

/**
 * The bits that wake readers, and those that wake writers. Errors and hang-ups wake both; on Windows a
 * hang-up is told of a peer that has only ended its side, to which one may still write.
 */
const WINDOWS = system === "windows";
const READ_BITS: number = WINDOWS ? POLLIN | POLLERR | POLLHUP | POLLNVAL : ~(POLLOUT | POLLPRI);
const WRITE_BITS: number = WINDOWS ? POLLOUT | POLLERR | POLLNVAL : ~(POLLIN | POLLPRI);

/**
 * Watches descriptors with a list that goes to the system with every wait.
 *
 * @example
 * ```ts
 * import { availableSelectors, type PollList, PollSelector, WsaPollSelector } from "iomux";
 *
 * const here = availableSelectors().some(({ name, available }) => name === "poll" && available);
 * using selector: PollList<string> = here ? new PollSelector() : new WsaPollSelector();
 * console.log(selector.select(0).length); // 0
 * ```
 */
export abstract class PollList<T> extends BaseSelector<T> {
  #list = new Native(64 * SIZE);
  #capacity = 64;
  /** The registrations in the order of the list, without gaps. */
  readonly #slots: Registration<T>[] = [];
  /** What the last wait found, copied out because callbacks change the list. */
  protected readonly ready: ReadyList<Registration<T>> = new ReadyList();

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

  /** How many the list has. */
  protected get length(): number {
    return this.#slots.length;
  }

  /** One poll over the whole list: how many are ready, or -errno. */
  protected poll(timeoutMs: number): number {
    const result = pollList(this.#list.pointer, this.#slots.length, timeoutMs);
    return result === -1 ? -errno() : this.#collect(result);
  }

  #collect(expected: number): number {
    const { view } = this.#list;
    this.ready.clear();
    let closed: Registration<T>[] | undefined;
    for (let slot = 0, left = expected; left > 0; slot++) {
      const bits = view.getInt16(slot * SIZE + REVENTS, true);
      if (bits === 0) continue;
      left--;
      const registration = this.#slots[slot]!;
      this.ready.add(registration, bits);
      if (bits & POLLNVAL) (closed ??= []).push(registration);
    }
    // Closed while registered. epoll forgets such a descriptor; so do we, or every wait would return
    // at once. The registration stays until it is unregistered.
    for (const registration of closed ?? []) this.remove(registration);
    return expected;
  }

  /** What `wait` has found, unless it was unregistered since. */
  protected override take(index: number): Registration<T> | undefined {
    const registration = this.ready.item(index);
    if (!registration.live || registration.slot === -1) return undefined;
    const bits = this.ready.bits(index);
    this.taken = (bits & WRITE_BITS ? EVENT_WRITE : 0) | (bits & READ_BITS ? EVENT_READ : 0) |
      (bits & POLLPRI ? EVENT_PRIORITY : 0);
    this.raw = bits;
    return registration;
  }

  /** Nothing to do: a closed descriptor left the list when it was reported. */
  protected override recover(): void {}

  /** Nothing is held but memory. */
  protected override release(): void {
    this.#slots.length = 0;
    this.ready.clear();
  }
}
