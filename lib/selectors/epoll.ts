/**
 * epoll(7): the kernel keeps the set, and a wait returns only what is ready. Linux.
 *
 * The cost of a wait does not grow with the number of idle descriptors.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import {
  epoll_ctl,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLL_EVENT,
  epoll_wait,
  epollCreate,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  epollWaitPrecise,
  replaceFd,
} from "../sys/linux/epoll.ts";
import { cannotWatch } from "../sys/pollable.ts";
import { closeFd } from "../sys/posix.ts";
import { BaseSelector } from "./base.ts";
import { EDGE, EXCLUSIVE, ONESHOT, PRIORITY, type Registration } from "./registration.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

// Positions in units of 32 bits. `data` holds the descriptor, and next to it the generation.
const STRIDE = EPOLL_EVENT.size / 4;
const FD = EPOLL_EVENT.data / 4;
const GENERATION = FD + 1;

const MAX_WAIT_MS = 0x7fffffff;

// Values of a registration's slot.
const WATCHED = 0;
/** A one-shot that was told, and is in the set without any event. */
const ASLEEP = 1;
/** The same, but not in the set any more. */
const SLEPT_THROUGH = 2;

const modeBits = (modes: number): number =>
  (modes & EDGE ? EPOLLET : 0) | (modes & ONESHOT ? EPOLLONESHOT : 0) |
  (modes & EXCLUSIVE ? EPOLLEXCLUSIVE : 0) | (modes & PRIORITY ? EPOLLPRI : 0);

/**
 * Watches descriptors with epoll.
 *
 * @example
 * ```ts
 * import { availableSelectors, EpollSelector, EVENT_READ, PollSelector, socketPair } from "iomux";
 *
 * if (availableSelectors().some(({ name, available }) => name === "epoll" && available)) {
 *   using epoll = new EpollSelector();
 *   const [a, b] = socketPair();
 *   epoll.register(b, EVENT_READ);
 *   using poll = new PollSelector(); // can watch the whole set as one descriptor
 *   poll.register(epoll, EVENT_READ);
 *   a.send(new TextEncoder().encode("hello"));
 *   console.log(poll.select(1000).length, epoll.select(0).length); // 1 1
 * }
 * ```
 */
export class EpollSelector<T = unknown> extends BaseSelector<T> {
  /** "epoll" */
  readonly name = "epoll";
  /** All that there are. */
  protected override readonly modes: number = EDGE | ONESHOT | EXCLUSIVE | PRIORITY;
  #epfd = epollCreate();
  readonly #change = new Native(16);
  #events = new Native(64 * EPOLL_EVENT.size);
  #words = this.#events.int32;
  #pointer = this.#events.pointer;
  #capacity = 64;

  /**
   * The descriptor of the epoll instance itself; it is readable when something is ready. Its number
   * never changes, but an epoll set that watches it forgets it when this selector removes ghosts.
   */
  fileno(): number {
    return this.#epfd;
  }

  /** The epoll descriptor itself can be polled for all. */
  protected override pollable(): number[] {
    return [this.#epfd, EVENT_READ];
  }

  /** Adds a descriptor to the set: EPOLL_CTL_ADD. */
  protected override add(registration: Registration<T>): void {
    const { fd, key: { events } } = registration;
    if (this.#tell(this.#epfd, EPOLL_CTL_ADD, registration, events) === -1) {
      const error = errno();
      if (error !== ERRNO.EEXIST) throw cannotWatch(error, fd);
      // A ghost of this very file under this very number (see `recover`): it comes to life again.
      this.remove(registration);
      this.#control(EPOLL_CTL_ADD, registration, events);
    }
    registration.slot = WATCHED;
  }

  /** Changes its events: EPOLL_CTL_MOD. */
  protected override change(registration: Registration<T>, events: number): void {
    // What is exclusive can't be modified (epoll_ctl(2)), and what `recover` left out is not there.
    const exclusive = registration.modes & EXCLUSIVE;
    if (exclusive) this.remove(registration);
    const add = exclusive || registration.slot === SLEPT_THROUGH;
    this.#control(add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, registration, events);
    registration.slot = WATCHED;
  }

  /** Takes it out of the set: EPOLL_CTL_DEL. */
  protected override remove(registration: Registration<T>): void {
    // Fails when the descriptor was closed; the kernel has dropped it then, or `recover` will.
    epoll_ctl(this.#epfd, EPOLL_CTL_DEL, registration.fd, this.#change.pointer);
  }

  #control(operation: number, registration: Registration<T>, events: number): void {
    if (this.#tell(this.#epfd, operation, registration, events) === -1) {
      throw cannotWatch(errno(), registration.fd);
    }
  }

  #tell(epfd: number, operation: number, registration: Registration<T>, events: number): number {
    const event = this.#change.int32;
    const { modes } = registration;
    event[0] = (events & EVENT_READ ? EPOLLIN : 0) | (events & EVENT_WRITE ? EPOLLOUT : 0) |
      (modes === 0 ? 0 : modeBits(modes));
    // Data and an end that come together are one edge, and only this bit tells of the end.
    const tell = modes & EDGE && events & EVENT_READ && !(modes & EXCLUSIVE); // which does not allow it
    if (tell) event[0] |= EPOLLRDHUP;
    event[FD] = registration.fd;
    event[GENERATION] = registration.generation;
    return epoll_ctl(epfd, operation, registration.fd, this.#change.pointer);
  }

  /** One epoll_wait, or epoll_pwait2 for a fraction of a millisecond. */
  protected override wait(timeoutMs: number): number {
    if (this.count > this.#capacity) this.#grow();
    const result = timeoutMs === 0
      ? epoll_wait(this.#epfd, this.#pointer, this.#capacity, 0)
      : timeoutMs === Infinity
      ? epoll_wait(this.#epfd, this.#pointer, this.#capacity, -1)
      : Number.isInteger(timeoutMs)
      ? epoll_wait(this.#epfd, this.#pointer, this.#capacity, Math.min(timeoutMs, MAX_WAIT_MS))
      : epollWaitPrecise(this.#epfd, this.#pointer, this.#capacity, timeoutMs);
    return result === -1 ? -errno() : result;
  }

  /** Room for everything to be ready at once, so that one wait tells of all. */
  #grow(): void {
    while (this.#capacity < this.count) this.#capacity *= 2;
    this.#events = new Native(this.#capacity * EPOLL_EVENT.size);
    this.#words = this.#events.int32;
    this.#pointer = this.#events.pointer;
  }

  /** Reads one epoll_event, and drops it if it was meant for somebody else. */
  protected override take(index: number): Registration<T> | undefined {
    const event = this.#words;
    const at = index * STRIDE;
    const registration = this.registrations[event[at + FD]!];
    // Another generation is an event of an earlier life of this number (see `recover`), or of a
    // descriptor that a callback of this very batch unregistered and registered again.
    if (registration === undefined || registration.generation !== event[at + GENERATION]) {
      return undefined;
    }
    const bits = event[at]!;
    // Everything but IN concerns writers, everything but OUT readers: errors and hang-ups wake both.
    this.taken = (bits & ~(EPOLLIN | EPOLLPRI) ? EVENT_WRITE : 0) |
      (bits & ~(EPOLLOUT | EPOLLPRI) ? EVENT_READ : 0) | (bits & EPOLLPRI ? EVENT_PRIORITY : 0);
    this.raw = bits;
    if (registration.modes & ONESHOT) registration.slot = ASLEEP;
    return registration;
  }

  /**
   * Builds the set anew without its ghosts.
   *
   * epoll watches open file descriptions, not descriptors: when a registered descriptor is closed
   * while a duplicate lives, the kernel goes on reporting it, and EPOLL_CTL_DEL can no longer name it
   * (epoll(7), questions and answers, 6). Every wait would return at once with nothing to tell.
   */
  protected override recover(): void {
    const fresh = epollCreate();
    for (const registration of this.registrations) {
      if (!registration) continue;
      const { events } = registration.key;
      // Added now it would be told of a hang-up, as if it was armed; `modify` adds it again.
      if (registration.slot === ASLEEP) registration.slot = SLEPT_THROUGH;
      if (registration.slot === SLEPT_THROUGH) continue;
      if (this.#knows(registration)) this.#tell(fresh, EPOLL_CTL_ADD, registration, events);
    }
    replaceFd(this.#epfd, fresh); // the number stays: callers may have asked for it
  }

  /** False for a number whose description is gone: what bears it now was never registered. */
  #knows(registration: Registration<T>): boolean {
    const plain =
      this.#tell(this.#epfd, EPOLL_CTL_MOD, registration, registration.key.events) === 0;
    // What is exclusive is never modified, but the error tells whether it is there.
    return plain || (registration.modes & EXCLUSIVE) !== 0 && errno() !== ERRNO.ENOENT;
  }

  /** Closes the epoll instance, and with it the set. */
  protected override release(): void {
    closeFd(this.#epfd);
    this.#epfd = -1;
  }
}
