/**
 * io_uring(7) used for readiness: each descriptor is a poll request on a ring. Linux 5.11.
 *
 * Registering and modifying cost no system call: the requests go to the kernel together with the next
 * wait, in its own io_uring_enter. What was told is asked for again by the next wait, so that readiness
 * is a level.
 */
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI } from "../sys/constants.ts";
import { ERRNO } from "../sys/errno.ts";
import { cannotWatch, checkPollable } from "../sys/pollable.ts";
import { isOpen } from "../sys/posix.ts";
import {
  IORING_ASYNC_CANCEL_ALL_ANY,
  IORING_CQE_F_MORE,
  IORING_OP_ASYNC_CANCEL,
  IORING_OP_POLL_ADD,
  IORING_OP_POLL_REMOVE,
  IORING_POLL_ADD_MULTI,
  Ring,
} from "../sys/uring.ts";
import { BaseSelector } from "./base.ts";
import { ReadyList } from "./ready_list.ts";
import { EDGE, ONESHOT, PRIORITY, type Registration } from "./registration.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

const REQUESTS = 256;
const COMPLETIONS = 4096;

// Values of a registration's slot; a positive one is the number of its request in the kernel.
const CLOSED = -1;
/** In `#queue`: it becomes a request with the next wait. */
const QUEUED = 0;
/** A one-shot that was told. */
const ASLEEP = -2;

/** The bits that mean something to somebody. */
const TOLD = POLLIN | POLLOUT | POLLPRI | POLLERR | POLLHUP;

/** user_data of requests whose own completion says nothing. */
const NOBODY = -1;
const NO_ADDRESS = [0, 0] as const;

/**
 * Watches descriptors with poll requests on an io_uring.
 *
 * @example
 * ```ts
 * import { availableSelectors, EVENT_READ, IoUringSelector, socketPair } from "iomux";
 *
 * if (availableSelectors().some(({ name, available }) => name === "io_uring" && available)) {
 *   using selector = new IoUringSelector<string>();
 *   const [a, b] = socketPair();
 *   selector.register(b, EVENT_READ, "b");
 *   a.send(new TextEncoder().encode("hello"));
 *   selector.dispatch(1000, (key) => console.log(key.data, "is ready")); // b is ready
 * }
 * ```
 */
export class IoUringSelector<T = unknown> extends BaseSelector<T> {
  /** "io_uring" */
  readonly name = "io_uring";
  /** Edges come from multishot requests. */
  protected override readonly modes: number = EDGE | ONESHOT | PRIORITY;
  readonly #ring = new Ring(REQUESTS, COMPLETIONS);
  #queue = new ReadyList<Registration<T>>();
  /** The one that `#submitQueue` works on, while the other is filled. */
  #spare = new ReadyList<Registration<T>>();
  #sequence = 0;
  #wait = 0;
  /** Completions since the last io_uring_enter of a wait. */
  #reaped = 0;
  /** By descriptor: the wait in which its request was made. */
  readonly #askedIn: number[] = [];
  /**
   * Writers without room whose peer has ended its side. The kernel tells of POLLRDHUP unasked, so that
   * a request for POLLOUT completes at once, again and again; as a multishot it tells of that only once.
   */
  readonly #halfClosed = new Set<Registration<T>>();
  readonly #ready = new ReadyList<Registration<T>>();

  /** The descriptor of the ring; it is readable when there are completions. */
  fileno(): number {
    return this.#ring.fd;
  }

  /** The ring's descriptor can be polled for all, once the kernel has all requests. */
  protected override pollable(): number[] {
    this.#submitQueue();
    this.#ring.enter(0, 0);
    return [this.#ring.fd, EVENT_READ];
  }

  /** Queues a request. */
  protected override add(registration: Registration<T>): void {
    checkPollable(registration.fd, "io_uring_enter");
    this.#enqueue(registration);
  }

  #enqueue(registration: Registration<T>): void {
    registration.slot = QUEUED;
    this.#queue.add(registration, 0);
  }

  /** Takes the request back, and queues another. */
  protected override change(registration: Registration<T>): void {
    const { fd, slot } = registration;
    if (!isOpen(fd)) throw cannotWatch(ERRNO.EBADF!, fd, "io_uring_enter");
    this.#halfClosed.delete(registration);
    if (slot > 0) this.#takeBack(fd, slot);
    if (slot !== QUEUED) this.#enqueue(registration);
  }

  /**
   * Takes the request back at once: until then the kernel holds on to the file, and a close that
   * follows would not reach the peer.
   */
  protected override remove(registration: Registration<T>): void {
    const { fd, slot } = registration;
    registration.slot = CLOSED; // out of the queue, too
    this.#halfClosed.delete(registration);
    if (slot <= 0) return;
    this.#takeBack(fd, slot);
    this.#ring.enter(0, 0);
  }

  #takeBack(fd: number, request: number): void {
    this.#makeRoom();
    this.#ring.push(IORING_OP_POLL_REMOVE, -1, [fd, request], 0, 0, NOBODY, 0);
  }

  #makeRoom(): void {
    if (!this.#ring.full) return;
    this.#ring.enter(0, 0);
    this.#reap(); // or the completions would overflow while thousands of requests are made
  }

  #submitQueue(): void {
    const queue = this.#queue;
    this.#queue = this.#spare;
    for (let i = 0; i < queue.length; i++) {
      const registration = queue.item(i);
      if (registration.slot !== QUEUED) continue;
      const { fd, key: { events }, modes } = registration;
      this.#makeRoom();
      this.#sequence = this.#sequence % 0x7fffffff + 1;
      registration.slot = this.#sequence;
      this.#askedIn[fd] = this.#wait;
      const bits = (events & EVENT_READ ? POLLIN : 0) | (events & EVENT_WRITE ? POLLOUT : 0) |
        (modes & PRIORITY ? POLLPRI : 0);
      const stays = modes & EDGE && !(modes & ONESHOT) || this.#halfClosed.has(registration);
      const multi = stays ? IORING_POLL_ADD_MULTI : 0;
      this.#ring.push(IORING_OP_POLL_ADD, fd, NO_ADDRESS, multi, bits, fd, this.#sequence);
    }
    queue.clear();
    this.#spare = queue;
  }

  /**
   * Submits what is queued and waits, in one io_uring_enter.
   *
   * A completion is believed when its request was made in this wait: the kernel has looked at the file
   * since. One of an older request may tell of data that was read meanwhile, so it is no more than a
   * hint: the request is made again, and the answer to that counts.
   */
  protected override wait(timeoutMs: number): number {
    this.#ready.clear();
    this.#wait++;
    let hints = this.#reap();
    const start = timeoutMs > 0 && timeoutMs !== Infinity ? performance.now() : 0;
    for (;;) {
      this.#submitQueue();
      const waits = timeoutMs > 0 && this.#ready.length === 0 && hints === 0;
      const submitting = this.#ring.waiting > 0;
      const result = this.#ring.enter(waits ? 1 : 0, timeoutMs);
      this.#reaped = 0;
      hints = this.#reap();
      if (this.#ready.length > 0) return this.#ready.length;
      if (hints > 0) continue;
      if (result < 0) return result === -ERRNO.ETIME! ? 0 : result;
      if (!waits) {
        if (timeoutMs === 0) return 0;
        continue; // the hints have come to nothing
      }
      // What completed was of no interest: a request taken back, a descriptor closed. Or the wait was
      // cut short, which the call can't say when it has submitted something.
      const left = timeoutMs === Infinity || performance.now() - start < timeoutMs;
      return left && submitting && this.#reaped === 0 ? -ERRNO.EINTR! : 0;
    }
  }

  /** Sorts completions into ready ones and hints; returns how many hints there were. */
  #reap(): number {
    const ring = this.#ring;
    let hints = 0;
    for (;;) {
      while (ring.next()) {
        this.#reaped++;
        const registration = ring.low === NOBODY ? undefined : this.registrations[ring.low];
        // Another number is that of a request that was taken back.
        if (registration === undefined || registration.slot !== ring.high) continue;
        if (this.#completed(registration, ring.result, ring.flags)) hints++;
      }
      if (!ring.overflown) return hints;
      ring.enter(0, 0);
    }
  }

  /** Returns true when this was a hint. */
  #completed(registration: Registration<T>, result: number, flags: number): boolean {
    if (result === -ERRNO.EBADF!) {
      // Closed while registered. epoll forgets such a descriptor; so do we.
      registration.slot = CLOSED;
      return false;
    }
    const { modes } = registration;
    const bits = result < 0 ? POLLERR : result & TOLD;
    if (bits === 0) {
      if (flags & IORING_CQE_F_MORE) return false;
      this.#halfClosed.add(registration);
      this.#enqueue(registration);
      return true;
    }
    if (this.#halfClosed.delete(registration)) {
      if (flags & IORING_CQE_F_MORE) this.#takeBack(registration.fd, registration.slot);
      this.#enqueue(registration);
      return true;
    }
    if (!(flags & IORING_CQE_F_MORE)) {
      const believed = this.#askedIn[registration.fd] === this.#wait;
      if (!believed && !(modes & EDGE)) {
        this.#enqueue(registration);
        return true;
      }
      if (modes & ONESHOT) registration.slot = ASLEEP;
      else this.#enqueue(registration);
    }
    this.#ready.add(registration, bits);
    return false;
  }

  /** What `wait` has found, unless it was unregistered since. */
  protected override take(index: number): Registration<T> | undefined {
    const registration = this.#ready.item(index);
    if (!registration.live) return undefined;
    const bits = this.#ready.bits(index);
    // Errors and hang-ups wake readers and writers alike.
    this.taken = (bits & ~(POLLIN | POLLPRI) ? EVENT_WRITE : 0) |
      (bits & ~(POLLOUT | POLLPRI) ? EVENT_READ : 0) | (bits & POLLPRI ? EVENT_PRIORITY : 0);
    this.raw = bits;
    return registration;
  }

  /** Nothing to do: a request is taken back by its number, whatever became of the descriptor. */
  protected override recover(): void {}

  /** Takes all requests back, so that the kernel lets go of the files now, and closes the ring. */
  protected override release(): void {
    this.#queue.clear();
    this.#makeRoom();
    const flags = IORING_ASYNC_CANCEL_ALL_ANY;
    this.#ring.push(IORING_OP_ASYNC_CANCEL, -1, NO_ADDRESS, 0, flags, NOBODY, 0);
    this.#ring.enter(0, 0);
    this.#ring.close();
  }
}
