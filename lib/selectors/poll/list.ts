/** The list of pollfd structs that poll(2) and WSAPoll take, one for each registration. */
import { POLLNVAL } from "../../sys/constants.ts";
import { errno } from "../../sys/errno.ts";
import { Native } from "../../sys/ffi.ts";
import { POLLFD, pollList } from "../../sys/poll.ts";
import { checkPollable } from "../../sys/pollable.ts";
import { isOpen } from "../../sys/posix.ts";
import { type Backend, PRIORITY, type ReadyList, type Registration } from "../backend.ts";
import { Identities } from "../identities.ts";
import { eventsOf, pollBits } from "./bits.ts";

const { size: SIZE, events: EVENTS, revents: REVENTS } = POLLFD;

/** A list that goes to the system with every wait, without gaps. */
export class PollList implements Backend {
  readonly modes: number = PRIORITY;
  readonly pollable: number = -1;
  #list = new Native(64 * SIZE);
  #capacity = 64;
  /** The registrations in the order of the list. */
  readonly #members: Registration[] = [];
  /** By descriptor: the place in the list; undefined for what is not in it (any more). */
  readonly #places: (number | undefined)[] = [];
  readonly #identities = new Identities();

  /** Appends a pollfd. */
  add(registration: Registration): void {
    checkPollable(registration.fd);
    this.#identities.note(registration.fd);
    this.#append(registration);
  }

  dropOther(registration: Registration): boolean {
    const isOther = this.#identities.changed(registration.fd);
    if (isOther) this.remove(registration);
    return isOther;
  }

  #append(registration: Registration): void {
    const place = this.#members.length;
    if (place === this.#capacity) this.#grow();
    this.#members.push(registration);
    this.#write(place, registration);
  }

  /** Overwrites its pollfd. */
  change(registration: Registration): void {
    this.#identities.check(registration.fd);
    const place = this.#places[registration.fd];
    if (place === undefined) this.#append(registration); // it was dropped as closed
    else this.#write(place, registration);
  }

  /** Fills the gap with the last pollfd, as order does not matter. */
  remove({ fd }: Registration): void {
    const place = this.#places[fd];
    if (place === undefined) return;
    this.#places[fd] = undefined;
    const last = this.#members.pop()!;
    if (last.fd === fd) return;
    this.#members[place] = last;
    this.#write(place, last);
  }

  #write(place: number, registration: Registration): void {
    this.#places[registration.fd] = place;
    const { view } = this.#list;
    view.setInt32(place * SIZE, registration.fd, true);
    view.setInt32(place * SIZE + EVENTS, pollBits(registration.events), true); // and no revents
  }

  #grow(): void {
    const old = this.#list;
    this.#capacity *= 2;
    this.#list = new Native(this.#capacity * SIZE);
    this.#list.bytes.set(old.bytes);
  }

  get length(): number {
    return this.#members.length;
  }

  /** One poll over the whole list. */
  wait(timeoutMs: number, ready: ReadyList): number {
    const result = pollList(this.#list.pointer, this.#members.length, timeoutMs);
    if (result === -1) return -errno();
    const { view } = this.#list;
    let closed: Registration[] | undefined;
    for (let place = 0, left = result; left > 0; place++) {
      const bits = view.getInt16(place * SIZE + REVENTS, true);
      if (bits === 0) continue;
      left--;
      const registration = this.#members[place]!;
      if (bits & POLLNVAL) (closed ??= []).push(registration);
      else ready.add(registration, eventsOf(bits), bits);
    }
    // Closed while registered. epoll forgets such a descriptor; so do we, or every wait would return at
    // once. The registration stays until it is unregistered.
    for (const registration of closed ?? []) this.remove(registration);
    return result;
  }

  /** The same where the system does not say which are closed. Returns whether there was one. */
  protected dropClosed(): boolean {
    const closed = this.#members.filter(({ fd }) => !isOpen(fd));
    for (const registration of closed) this.remove(registration);
    return closed.length > 0;
  }

  /** Nothing to do: a closed descriptor left the list when it was reported. */
  recover(): void {}

  /** Nothing is held but memory. */
  close(): void {
    this.#members.length = 0;
  }
}
