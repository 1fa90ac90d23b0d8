/**
 * kqueue(2): the kernel keeps the set, and a wait returns only what is ready. macOS and FreeBSD.
 *
 * The cost of a wait does not grow with the number of idle descriptors. Reading and writing are watched
 * by filters of their own, each a change and an event of its own; what is told here is one entry for a
 * descriptor, as everywhere.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import {
  EV_TOUCH,
  type EventQueue,
  hasExcept,
  isPollableItself,
  openQueue,
  receiptError,
} from "../sys/bsd/kqueue.ts";
import {
  EV_ADD,
  EV_CLEAR,
  EV_DELETE,
  EV_DISABLE,
  EV_DISPATCH,
  EV_ENABLE,
  EV_EOF,
  EV_ERROR,
  EV_ONESHOT,
  EV_RECEIPT,
  EVFILT_EXCEPT,
  EVFILT_READ,
  EVFILT_WRITE,
  KeventList,
  NOTE_OOB,
} from "../sys/bsd/kevent.ts";
import { cannotWatch, checkPollable } from "../sys/pollable.ts";
import { BaseSelector } from "./base.ts";
import { ReadyList } from "./ready_list.ts";
import { EDGE, ONESHOT, PRIORITY, type Registration } from "./registration.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

/** The filters, by the EVENT_* bit that each stands for. */
const FILTERS: readonly (readonly [bit: number, filter: number])[] = [
  [EVENT_READ, EVFILT_READ],
  [EVENT_WRITE, EVFILT_WRITE],
  [EVENT_PRIORITY, EVFILT_EXCEPT],
];

const bitOf = (filter: number): number =>
  filter === EVFILT_READ ? EVENT_READ : filter === EVFILT_WRITE ? EVENT_WRITE : EVENT_PRIORITY;

/**
 * Watches descriptors with kqueue.
 *
 * @example
 * ```ts
 * import { availableSelectors, EVENT_READ, KqueueSelector, socketPair } from "iomux";
 *
 * if (availableSelectors().some(({ name, available }) => name === "kqueue" && available)) {
 *   using selector = new KqueueSelector<string>();
 *   const [a, b] = socketPair();
 *   selector.register(b, EVENT_READ, "b");
 *   a.send(new TextEncoder().encode("hello"));
 *   selector.dispatch(1000, (key) => console.log(key.data, "is ready")); // b is ready
 * }
 * ```
 */
export class KqueueSelector<T = unknown> extends BaseSelector<T> {
  /** "kqueue" */
  readonly name = "kqueue";
  /** EV_CLEAR, EV_DISPATCH and, on macOS, EVFILT_EXCEPT. */
  protected override readonly modes: number = EDGE | ONESHOT | (hasExcept ? PRIORITY : 0);
  readonly #queue: EventQueue = openQueue();
  readonly #changes = new KeventList(FILTERS.length, this.#queue.layout);
  readonly #receipts = new KeventList(FILTERS.length, this.#queue.layout);
  #events = new KeventList(128, this.#queue.layout);
  /** What the last wait found: registrations, their EVENT_* bits and the flags EV_EOF and EV_ERROR. */
  readonly #ready = new ReadyList<Registration<T>>();
  /** By descriptor: where in `#ready` it is, if it is there. */
  readonly #places: number[] = [];
  /** Pairs of descriptor and filter that told of no registration. */
  readonly #stale: number[] = [];
  /**
   * What the kernel has stopped to watch, or refused to, because it is broken: to be told all the same.
   * FreeBSD refuses the filter of a pipe that nobody reads any more (EPIPE), and drops one that it has
   * after telling of it once. By registration the EVENT_* bits.
   */
  readonly #broken = new Map<Registration<T>, number>();

  /** The descriptor of the kqueue itself; it is readable when something is ready. */
  fileno(): number {
    return this.#queue.fd;
  }

  /** Adds a filter for each event: EV_ADD. */
  protected override add(registration: Registration<T>): void {
    checkPollable(registration.fd, "kevent");
    registration.slot = 0; // the EVENT_* bits whose filters are there
    try {
      this.#install(registration, registration.mask);
    } catch (error) {
      this.remove(registration); // one of two may be there
      throw error;
    }
  }

  /** Adds and deletes filters, and arms again those that stay. */
  protected override change(registration: Registration<T>, events: number): void {
    this.#install(registration, events | (registration.mask & EVENT_PRIORITY));
  }

  #install(registration: Registration<T>, wanted: number): void {
    const { slot } = registration;
    this.#broken.delete(registration);
    let count = 0;
    for (const [bit, filter] of FILTERS) {
      // One that stays is touched as well: ENOENT tells that the descriptor was closed meanwhile, and
      // that its number, if it lives again, belongs to something that nobody registered.
      if (wanted & bit) {
        this.#put(count++, registration, filter, slot & bit ? EV_ENABLE | EV_TOUCH : EV_ADD);
      } else if (slot & bit) this.#put(count++, registration, filter, EV_DELETE);
    }
    const answers = this.#apply(registration, count);
    registration.slot = wanted; // also after EINTR, when there are no answers
    for (let i = 0; i < answers; i++) {
      const error = receiptError(this.#receipts, i);
      if (error === 0) continue;
      const bit = bitOf(this.#changes.filter(i));
      if (!(wanted & bit) && error === ERRNO.ENOENT) continue; // deleted already
      registration.slot &= ~bit;
      if (error !== ERRNO.EPIPE) throw cannotWatch(error, registration.fd, "kevent");
      this.#break(registration, bit);
    }
  }

  #break(registration: Registration<T>, bit: number): void {
    this.#broken.set(registration, (this.#broken.get(registration) ?? 0) | bit);
  }

  #put(index: number, registration: Registration<T>, filter: number, action: number): void {
    const { fd, generation, modes } = registration;
    const urgent = filter === EVFILT_EXCEPT;
    let flags = action | EV_RECEIPT;
    if (action === EV_ADD) {
      // Without EV_CLEAR, NOTE_OOB stays set when the urgent data is gone (filt_soread_common of xnu).
      if (modes & EDGE || urgent) flags |= EV_CLEAR;
      if (modes & ONESHOT) flags |= EV_DISPATCH;
    }
    this.#changes.put(index, fd, filter, flags, generation, urgent ? NOTE_OOB : 0);
  }

  #apply(registration: Registration<T>, count: number): number {
    const answers = this.#queue.apply(this.#changes, count, this.#receipts);
    if (answers === -1) throw cannotWatch(errno(), registration.fd, "kevent");
    return answers;
  }

  /** Deletes its filters. The kernel did it already when the descriptor was closed. */
  protected override remove(registration: Registration<T>): void {
    const installed = registration.slot | (this.#broken.get(registration) ?? 0);
    this.#broken.delete(registration);
    registration.slot = 0;
    this.#silence(registration, installed, EV_DELETE);
  }

  /** One kevent. */
  protected override wait(timeoutMs: number): number {
    // Room for everything to be ready at once, so that one wait tells of all.
    if (this.count * 2 > this.#events.capacity) {
      this.#events = new KeventList(this.count * 4, this.#queue.layout);
    }
    const result = this.#queue.wait(this.#events, this.#broken.size > 0 ? 0 : timeoutMs);
    return result === -1 ? -errno() : this.#collect(result);
  }

  /** Merges the events of a descriptor into one entry. */
  #collect(count: number): number {
    const events = this.#events;
    this.#ready.clear();
    this.#stale.length = 0;
    for (let i = 0; i < count; i++) {
      const fd = events.fd(i);
      const registration = this.registrations[fd];
      if (registration === undefined || registration.generation !== events.generation(i)) {
        this.#stale.push(fd, events.filter(i));
        continue;
      }
      const filter = events.filter(i);
      const flags = events.flags(i);
      const bit = bitOf(filter);
      // This filter tells of ordinary data and of the end of the stream as well.
      if (filter === EVFILT_EXCEPT && !(events.fflags(i) & NOTE_OOB)) continue;
      if (flags & EV_ONESHOT) {
        // Nobody here asks for that: the kernel has dropped the filter.
        registration.slot &= ~bit;
        this.#break(registration, bit);
      }
      this.#tell(registration, bit, flags);
    }
    if (this.#broken.size > 0) this.#tellBroken();
    // What is stale only is a wake-up, too, that somebody has to end: `recover`.
    return this.#ready.length || (this.#stale.length > 0 ? 1 : 0);
  }

  #tell(registration: Registration<T>, bit: number, flags: number): void {
    const raw = bit | (flags & (EV_EOF | EV_ERROR));
    const place = this.#places[registration.fd] ?? -1;
    const known = place >= 0 && place < this.#ready.length;
    if (known && this.#ready.item(place) === registration) return this.#ready.mark(place, raw);
    this.#places[registration.fd] = this.#ready.length;
    this.#ready.add(registration, raw);
  }

  #tellBroken(): void {
    for (const [registration, bits] of this.#broken) {
      this.#tell(registration, bits, EV_EOF);
      // Told once; a one-shot comes back with `modify`, whose EV_ADD is refused again.
      if (registration.modes & (EDGE | ONESHOT)) this.#broken.delete(registration);
    }
  }

  /** What `wait` has found, unless it was unregistered since. */
  protected override take(index: number): Registration<T> | undefined {
    if (index >= this.#ready.length) return undefined; // a stale one
    const registration = this.#ready.item(index);
    if (!registration.live) return undefined;
    this.raw = this.#ready.bits(index);
    this.taken = this.raw & ~(EV_EOF | EV_ERROR);
    // The filter that told it is disabled (EV_DISPATCH); the others have to be.
    if (registration.modes & ONESHOT) {
      this.#silence(registration, registration.slot & ~this.taken, EV_DISABLE);
    }
    return registration;
  }

  /** Deletes or disables filters, whatever the kernel says of it. */
  #silence(registration: Registration<T>, bits: number, action: number): void {
    let count = 0;
    for (const [bit, filter] of FILTERS) {
      if (bits & bit) this.#put(count++, registration, filter, action);
    }
    if (count > 0) this.#queue.apply(this.#changes, count, this.#receipts);
  }

  /**
   * Deletes filters of which nothing is known here. The kernel deletes those of a descriptor when it is
   * closed, so that there should be none; but if there was one, every wait would end at once.
   */
  protected override recover(): void {
    for (let i = 0; i < this.#stale.length; i += 2) {
      this.#changes.put(0, this.#stale[i]!, this.#stale[i + 1]!, EV_DELETE | EV_RECEIPT, 0);
      this.#queue.apply(this.#changes, 1, this.#receipts);
    }
  }

  /** The queue itself can be polled for all, unless something is told without it. */
  protected override pollable(): number[] {
    return isPollableItself && this.#broken.size === 0
      ? [this.#queue.fd, EVENT_READ]
      : super.pollable();
  }

  /** Closes the queue, and with it the set. */
  protected override release(): void {
    this.#queue.close();
    this.#broken.clear();
    this.#ready.clear();
  }
}
