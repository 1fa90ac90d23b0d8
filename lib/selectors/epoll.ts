/**
 * epoll(7): the kernel keeps the set of watched descriptors, and a wait returns only what is ready. So a
 * wait costs the same however many descriptors are idle. Linux.
 *
 * Three calls are all there is: epoll_create1(2) makes a set, which is a descriptor itself; epoll_ctl(2)
 * adds, changes and deletes; epoll_wait(2) fills an array of struct epoll_event. Each event has 32 bits
 * of readiness and 64 bits of ours, handed back unread: the descriptor, and next to it the generation of
 * the registration, by which an event of an earlier owner of the number is known.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import { Native, NULL } from "../sys/ffi.ts";
import {
  epoll_ctl,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLL_EVENT,
  epollCreate,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLONESHOT,
  EPOLLRDHUP,
  epollWait,
  replaceFd,
} from "../sys/linux/epoll.ts";
import { pollList } from "../sys/poll.ts";
import { cannotWatch } from "../sys/pollable.ts";
import { closeFd } from "../sys/posix.ts";
import {
  type Backend,
  EDGE,
  EXCLUSIVE,
  ONESHOT,
  PRIORITY,
  type ReadyList,
  type Registration,
} from "./backend.ts";
import { BaseSelector } from "./base.ts";
import { eventsOf, pollBits } from "./poll/bits.ts";
import { EVENT_READ } from "./selector.ts";

// Positions in struct epoll_event, in units of 32 bits.
const STRIDE = EPOLL_EVENT.size / 4;
const FD = EPOLL_EVENT.data / 4;
const GENERATION = FD + 1;

const modeBits = (modes: number): number =>
  (modes & EDGE ? EPOLLET : 0) | (modes & ONESHOT ? EPOLLONESHOT : 0) |
  (modes & EXCLUSIVE ? EPOLLEXCLUSIVE : 0);

/** What to ask of the kernel for a registration. */
function bitsFor({ events, modes }: Registration): number {
  const bits = pollBits(events);
  if (modes === 0) return bits;
  // Data and an end that come together are one edge, and only this bit reports the end.
  const end = modes & EDGE && events & EVENT_READ && !(modes & EXCLUSIVE); // which does not allow it
  return bits | modeBits(modes) | (end ? EPOLLRDHUP : 0);
}

/** What epoll_ctl(2) says of a number that is closed, or is of a kind of file that is in no set. */
const GONE = new Set(["EBADF", "EPERM"].map((code) => ERRNO[code]));

/** Stale registrations that can't be removed now end every wait: a pause keeps the loop from taking a whole CPU. */
const pause = () => void pollList(NULL, 0, 1);

/** A set of descriptors in the kernel. */
export class Epoll implements Backend {
  readonly modes: number = EDGE | ONESHOT | EXCLUSIVE | PRIORITY;
  #epfd = epollCreate();
  /** What is watched, by descriptor. */
  readonly #watched: (Registration | undefined)[] = [];
  /** The argument of epoll_ctl. */
  readonly #event = new Native(16);
  /** Room for the events of a wait. */
  #events = new Native(64 * EPOLL_EVENT.size);
  #words = this.#events.int32;
  #capacity = 64;
  #count = 0;
  /** One-shots that were reported: the kernel keeps them without any event until `change` arms them. */
  readonly #disarmed = new Set<Registration>();
  /** Disarmed one-shots that the set does not contain since it was rebuilt, see `recover`. */
  readonly #absent = new Set<Registration>();

  /** The set can be watched like any descriptor: it is readable when something in it is ready. */
  get pollable(): number {
    return this.#epfd;
  }

  /** EPOLL_CTL_ADD */
  add(registration: Registration): void {
    if (this.#control(EPOLL_CTL_ADD, registration) === -1) {
      const error = errno();
      if (error !== ERRNO.EEXIST) throw cannotWatch(error, registration.fd);
      // A stale registration of the same file under the same number (see `recover`) is replaced.
      epoll_ctl(this.#epfd, EPOLL_CTL_DEL, registration.fd, this.#event.pointer);
      if (this.#control(EPOLL_CTL_ADD, registration) === -1) {
        throw cannotWatch(errno(), registration.fd);
      }
    }
    this.#watched[registration.fd] = registration;
    if (++this.#count > this.#capacity) this.#grow();
  }

  /** EPOLL_CTL_MOD */
  change(registration: Registration): void {
    let operation = EPOLL_CTL_MOD;
    if (registration.modes & EXCLUSIVE) { // can't be modified, see epoll_ctl(2)
      epoll_ctl(this.#epfd, EPOLL_CTL_DEL, registration.fd, this.#event.pointer);
      operation = EPOLL_CTL_ADD;
    }
    if (registration.modes & ONESHOT) {
      this.#disarmed.delete(registration);
      if (this.#absent.delete(registration)) operation = EPOLL_CTL_ADD;
    }
    if (this.#control(operation, registration) === -1) throw cannotWatch(errno(), registration.fd);
  }

  /** What a duplicate keeps in the set is for `recover` to remove. */
  dropOther({ fd }: Registration): boolean {
    return !this.#contains(fd);
  }

  /** The set has pairs of a file and its number, and refuses one that it has (EEXIST). */
  #contains(fd: number): boolean {
    this.#event.int32[0] = 0;
    if (epoll_ctl(this.#epfd, EPOLL_CTL_ADD, fd, this.#event.pointer) === -1) {
      return !GONE.has(errno()); // ENOMEM and others say nothing of that: a live one must not be lost
    }
    epoll_ctl(this.#epfd, EPOLL_CTL_DEL, fd, this.#event.pointer);
    return false;
  }

  /** EPOLL_CTL_DEL. It fails for a closed descriptor, which the kernel has dropped, or keeps as stale. */
  remove(registration: Registration): void {
    this.#watched[registration.fd] = undefined;
    this.#count--;
    this.#disarmed.delete(registration);
    this.#absent.delete(registration);
    epoll_ctl(this.#epfd, EPOLL_CTL_DEL, registration.fd, this.#event.pointer);
  }

  #control(operation: number, registration: Registration, epfd = this.#epfd): number {
    const words = this.#event.int32;
    words[0] = bitsFor(registration);
    words[FD] = registration.fd;
    words[GENERATION] = registration.generation;
    return epoll_ctl(epfd, operation, registration.fd, this.#event.pointer);
  }

  /** Room for everything to be ready at once, so that one wait reports all. */
  #grow(): void {
    this.#capacity *= 2;
    this.#events = new Native(this.#capacity * EPOLL_EVENT.size);
    this.#words = this.#events.int32;
  }

  /** epoll_wait(2) */
  wait(timeoutMs: number, ready: ReadyList): number {
    const count = epollWait(this.#epfd, this.#events.pointer, this.#capacity, timeoutMs);
    if (count === -1) return -errno();
    const words = this.#words;
    for (let i = 0, at = 0; i < count; i++, at += STRIDE) {
      const registration = this.#watched[words[at + FD]!];
      // Another generation: the event of an earlier registration of this number (see `recover`).
      if (registration === undefined || registration.generation !== words[at + GENERATION]) {
        continue;
      }
      const bits = words[at]!;
      ready.add(registration, eventsOf(bits), bits);
      if (registration.modes & ONESHOT) this.#disarmed.add(registration);
    }
    return count;
  }

  /**
   * Builds the set anew, without stale registrations.
   *
   * epoll watches open file descriptions, not descriptors: when a registered descriptor is closed while a
   * duplicate lives, the kernel goes on reporting it, and EPOLL_CTL_DEL can no longer name it (epoll(7),
   * questions and answers, 6). Every wait would return at once with nothing to report.
   */
  recover(): void {
    let fresh: number;
    try {
      fresh = epollCreate();
    } catch {
      return pause(); // no descriptor is left for it
    }
    const hasDisarmed = this.#disarmed.size > 0 || this.#absent.size > 0;
    for (const registration of this.#watched) {
      // What has the number of a closed one now was never registered.
      if (!registration || !this.#contains(registration.fd)) continue;
      // A disarmed one-shot would be reported for a hang-up, as if it was armed.
      if (hasDisarmed && (this.#disarmed.has(registration) || this.#absent.has(registration))) {
        continue;
      }
      if (this.#control(EPOLL_CTL_ADD, registration, fresh) === 0) continue;
      closeFd(fresh); // ENOMEM, ENOSPC: rather one stale registration more than a live one less
      return pause();
    }
    try {
      replaceFd(this.#epfd, fresh); // the number stays: callers may have asked for it
    } catch {
      return pause(); // the set is as it was
    }
    for (const registration of this.#disarmed) this.#absent.add(registration); // `change` adds it again
    this.#disarmed.clear();
  }

  /** close(2) */
  close(): void {
    closeFd(this.#epfd);
    this.#epfd = -1;
  }
}

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
  readonly #epoll: Epoll;

  /** @throws OSError where epoll is missing or forbidden, or no descriptor is left */
  constructor() {
    const epoll = new Epoll();
    super("epoll", epoll);
    this.#epoll = epoll;
  }

  /**
   * The descriptor of the epoll instance itself; it is readable when something is ready, and -1 after
   * `close`. Its number never changes, but an epoll set that watches it forgets it when this selector
   * removes stale registrations.
   */
  fileno(): number {
    return this.#epoll.pollable;
  }
}
