/**
 * kqueue(2): the kernel keeps the set, and a wait returns only what is ready. macOS and FreeBSD.
 *
 * The cost of a wait does not grow with the number of idle descriptors. Reading and writing are watched
 * by filters of their own, each a change and an event of its own; what is reported here is one entry for a
 * descriptor, as everywhere.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import {
  type EventQueue,
  hasExcept,
  Kqueue as SystemQueue,
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
import {
  type Backend,
  EDGE,
  ONESHOT,
  PRIORITY,
  type ReadyList,
  type Registration,
} from "./backend.ts";
import { BaseSelector } from "./base.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

/** The filters, by the EVENT_* bit that each stands for. */
const FILTERS: readonly (readonly [bit: number, filter: number])[] = [
  [EVENT_READ, EVFILT_READ],
  [EVENT_WRITE, EVFILT_WRITE],
  [EVENT_PRIORITY, EVFILT_EXCEPT],
];

const bitOf = (filter: number): number =>
  filter === EVFILT_READ ? EVENT_READ : filter === EVFILT_WRITE ? EVENT_WRITE : EVENT_PRIORITY;

/** A queue in the kernel, and the filters in it. */
export class Kqueue implements Backend {
  /** EV_CLEAR, EV_DISPATCH and, on macOS, EVFILT_EXCEPT. */
  readonly modes: number = EDGE | ONESHOT | (hasExcept ? PRIORITY : 0);
  readonly #queue: EventQueue;
  readonly #changes: KeventList;
  readonly #receipts: KeventList;
  #events: KeventList;
  /** What is watched, and with which filters (EVENT_* bits), by descriptor. */
  readonly #watched: (Registration | undefined)[] = [];
  readonly #filters: number[] = [];
  #count = 0;
  /** By descriptor: where in the list of ready ones it is, if it is there. */
  readonly #places: number[] = [];
  /** Pairs of descriptor and filter whose events belong to no registration. */
  readonly #stale: number[] = [];
  /**
   * What the kernel has stopped to watch, or refused to, because it is broken: to be reported all the
   * same. FreeBSD refuses the filter of a pipe that is read no more (EPIPE), and drops one that it has
   * after reporting it once. By registration the EVENT_* bits.
   */
  readonly #broken = new Map<Registration, number>();

  constructor(queue: EventQueue) {
    this.#queue = queue;
    this.#changes = new KeventList(FILTERS.length, queue.structSize);
    this.#receipts = new KeventList(FILTERS.length, queue.structSize);
    this.#events = new KeventList(128, queue.structSize);
  }

  /** The queue's own descriptor; -1 once closed. */
  get fd(): number {
    return this.#queue.fd;
  }

  /** The queue can be polled for all, unless something is reported without it. */
  get pollable(): number {
    return this.#queue.isPollable && this.#broken.size === 0 ? this.#queue.fd : -1;
  }

  /** Adds a filter for each event: EV_ADD. */
  add(registration: Registration): void {
    checkPollable(registration.fd, "kevent");
    this.#filters[registration.fd] = 0;
    try {
      this.#install(registration);
    } catch (error) {
      this.#uninstall(registration); // one of two may be there
      throw error;
    }
    this.#watched[registration.fd] = registration;
    this.#count++;
  }

  /** Adds and deletes filters, and arms again those that stay. */
  change(registration: Registration): void {
    this.#install(registration);
  }

  #install(registration: Registration): void {
    const { fd, events: wanted } = registration;
    const present = this.#filters[fd]!;
    this.#broken.delete(registration);
    let count = 0;
    for (const [bit, filter] of FILTERS) {
      // One that stays is touched as well: ENOENT, of a deletion too, says that the descriptor was closed
      // meanwhile, and that its number, if it is in use again, belongs to something that was never registered.
      if (wanted & bit) {
        this.#put(count++, registration, filter, present & bit ? EV_ENABLE : EV_ADD);
      } else if (present & bit) this.#put(count++, registration, filter, EV_DELETE);
    }
    const answers = this.#apply(registration, count);
    this.#filters[fd] = wanted; // also after EINTR, when there are no answers
    for (let i = 0; i < answers; i++) {
      const error = receiptError(this.#receipts, i);
      if (error === 0) continue;
      const bit = bitOf(this.#changes.filter(i));
      this.#filters[fd]! &= ~bit;
      if (error !== ERRNO.EPIPE) throw cannotWatch(error, fd, "kevent");
      this.#break(registration, bit);
    }
  }

  #break(registration: Registration, bit: number): void {
    this.#broken.set(registration, (this.#broken.get(registration) ?? 0) | bit);
  }

  #put(index: number, registration: Registration, filter: number, action: number): void {
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

  #apply(registration: Registration, count: number): number {
    const answers = this.#queue.apply(this.#changes, count, this.#receipts);
    if (answers === -1) throw cannotWatch(errno(), registration.fd, "kevent");
    return answers;
  }

  /** Deletes its filters. The kernel did it already when the descriptor was closed. */
  remove(registration: Registration): void {
    this.#uninstall(registration);
    this.#watched[registration.fd] = undefined;
    this.#count--;
  }

  #uninstall(registration: Registration): void {
    const installed = this.#filters[registration.fd]! | (this.#broken.get(registration) ?? 0);
    this.#broken.delete(registration);
    this.#filters[registration.fd] = 0;
    this.#silence(registration, installed, EV_DELETE);
  }

  /** One kevent. */
  wait(timeoutMs: number, ready: ReadyList): number {
    // Room for everything to be ready at once, so that one wait reports all.
    if (this.#count * 2 > this.#events.capacity) {
      this.#events = new KeventList(this.#count * 4, this.#queue.structSize);
    }
    const result = this.#queue.wait(this.#events, this.#broken.size > 0 ? 0 : timeoutMs);
    return result === -1 ? -errno() : this.#collect(result, ready);
  }

  /** Merges the events of a descriptor into one entry. */
  #collect(count: number, ready: ReadyList): number {
    const events = this.#events;
    const first = ready.length;
    this.#stale.length = 0;
    for (let i = 0; i < count; i++) {
      const fd = events.fd(i);
      const registration = this.#watched[fd];
      if (registration === undefined || registration.generation !== events.generation(i)) {
        this.#stale.push(fd, events.filter(i));
        continue;
      }
      const filter = events.filter(i);
      const flags = events.flags(i);
      const bit = bitOf(filter);
      // This filter reports ordinary data and the end of the stream as well.
      if (filter === EVFILT_EXCEPT && !(events.fflags(i) & NOTE_OOB)) continue;
      if (flags & EV_ONESHOT) {
        // Never asked for here: the kernel has dropped the filter.
        this.#filters[fd]! &= ~bit;
        this.#break(registration, bit);
      }
      this.#report(registration, bit, flags, ready, first);
    }
    if (this.#broken.size > 0) this.#reportBroken(ready, first);
    for (let i = first; i < ready.length; i++) this.#disarm(ready.registration(i), ready.events(i));
    // What is stale only is a wake-up, too, whose cause `recover` removes.
    return ready.length - first || (this.#stale.length > 0 ? 1 : 0);
  }

  #report(
    registration: Registration,
    bit: number,
    flags: number,
    ready: ReadyList,
    first: number,
  ): void {
    const raw = bit | (flags & (EV_EOF | EV_ERROR));
    const place = this.#places[registration.fd] ?? -1;
    const known = place >= first && place < ready.length;
    if (known && ready.registration(place) === registration) return ready.mark(place, bit, raw);
    this.#places[registration.fd] = ready.length;
    ready.add(registration, bit, raw);
  }

  #reportBroken(ready: ReadyList, first: number): void {
    for (const [registration, bits] of this.#broken) {
      this.#report(registration, bits, EV_EOF, ready, first);
      // Reported once; a one-shot comes back with `change`, whose EV_ADD is refused again.
      if (registration.modes & (EDGE | ONESHOT)) this.#broken.delete(registration);
    }
  }

  /** The filter that reported a one-shot is disabled (EV_DISPATCH); the others have to be. */
  #disarm(registration: Registration, events: number): void {
    if (!(registration.modes & ONESHOT)) return;
    this.#silence(registration, this.#filters[registration.fd]! & ~events, EV_DISABLE);
  }

  /** Deletes or disables filters, whatever the kernel says of it. */
  #silence(registration: Registration, bits: number, action: number): void {
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
  recover(): void {
    for (let i = 0; i < this.#stale.length; i += 2) {
      this.#changes.put(0, this.#stale[i]!, this.#stale[i + 1]!, EV_DELETE | EV_RECEIPT, 0);
      this.#queue.apply(this.#changes, 1, this.#receipts);
    }
  }

  /** Closes the queue, and with it the set. */
  close(): void {
    this.#queue.close();
    this.#broken.clear();
  }
}

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
  readonly #kqueue: Kqueue;

  /** @throws Error on systems without kqueue, OSError when no descriptor is left */
  constructor() {
    const kqueue = new Kqueue(new SystemQueue());
    super("kqueue", kqueue);
    this.#kqueue = kqueue;
  }

  /** The descriptor of the kqueue itself; it is readable when something is ready, -1 after `close`. */
  fileno(): number {
    return this.#kqueue.fd;
  }
}
