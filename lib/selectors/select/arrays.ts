/**
 * The sets that select() takes on Windows: arrays of sockets, see
 * https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select
 *
 * A connect that failed makes a socket neither readable nor writable there: it is reported in the third
 * set, "exceptfds", alone. So what may be connecting is put there, too.
 */
import { FD_SETSIZE } from "../../sys/constants.ts";
import { Timeval } from "../../sys/time.ts";
import { SocketArray } from "../../sys/windows/socket_array.ts";
import { c } from "../../sys/posix.ts";
import { sleepFor } from "../../sys/windows/kernel32.ts";
import { isUnconnected } from "../../sys/windows/winsock.ts";
import type { ReadyList, Registration } from "../backend.ts";
import { noRoom, type SelectSets } from "./bitmaps.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "../selector.ts";

const BOTH = EVENT_READ | EVENT_WRITE;

/** Arrays of at most FD_SETSIZE sockets, whatever their values. */
export class SelectArrays implements SelectSets {
  readonly #readers = new SocketArray(FD_SETSIZE);
  readonly #writers = new SocketArray(FD_SETSIZE);
  readonly #exceptional = new SocketArray(FD_SETSIZE);
  readonly #timeval = new Timeval();
  /** The EVENT_* bits asked for, by socket. */
  readonly #asked = new Map<number, number>();
  /** Those that had no peer when they were last looked at. */
  readonly #unconnected = new Set<number>();
  /** By socket, where it was put into a list of ready ones. Only to be believed if it is there. */
  readonly #places: number[] = [];

  admit(fd: number): void {
    if (this.#asked.size >= FD_SETSIZE) throw noRoom(fd, "sockets, and wsapoll has");
  }

  ask(fd: number, events: number): void {
    if (events === 0) {
      this.#asked.delete(fd);
      this.#unconnected.delete(fd);
    } else {
      if (!this.#asked.has(fd) && isUnconnected(fd)) this.#unconnected.add(fd);
      this.#asked.set(fd, events);
    }
    this.#put(this.#readers, fd, events & EVENT_READ);
    this.#put(this.#writers, fd, events & EVENT_WRITE);
    this.#put(this.#exceptional, fd, events & EVENT_PRIORITY || +this.#unconnected.has(fd));
  }

  #put(set: SocketArray, fd: number, wanted: number): void {
    if (wanted) set.add(fd);
    else set.delete(fd);
  }

  /** Without any socket select() fails with WSAEINVAL at once, so the thread sleeps instead. */
  select(timeoutMs: number): number {
    if (this.#asked.size === 0) {
      sleepFor(timeoutMs);
      return 0;
    }
    const [readers, writers] = [this.#readers.arm(), this.#writers.arm()];
    const exceptional = this.#exceptional.arm();
    return c.select(0, readers, writers, exceptional, this.#timeval.set(timeoutMs));
  }

  collect(
    expected: number,
    registrations: readonly (Registration | undefined)[],
    ready: ReadyList,
  ): void {
    if (expected === 0) return;
    for (let i = 0; i < this.#readers.ready; i++) {
      const fd = this.#readers.at(i);
      this.#report(fd, registrations[fd]!, ready, EVENT_READ);
    }
    for (let i = 0; i < this.#writers.ready; i++) {
      const fd = this.#writers.at(i);
      this.#report(fd, registrations[fd]!, ready, EVENT_WRITE);
    }
    for (let i = 0; i < this.#exceptional.ready; i++) {
      const fd = this.#exceptional.at(i);
      const urgent = this.#asked.get(fd)! & EVENT_PRIORITY;
      // The set reports out-of-band data as well, which only an established connection can have.
      const failed = this.#unconnected.has(fd) && isUnconnected(fd);
      if (failed || urgent) this.#report(fd, registrations[fd]!, ready, failed ? BOTH : urgent);
      else this.#established(fd);
    }
    if (this.#unconnected.size > 0) this.#settle(registrations, ready);
  }

  /** Appends an entry, or adds to the one that the socket has. */
  #report(fd: number, registration: Registration, ready: ReadyList, events: number): void {
    const place = this.#places[fd];
    if (place !== undefined && place < ready.length && ready.registration(place) === registration) {
      ready.mark(place, events, events);
    } else {
      this.#places[fd] = ready.length;
      ready.add(registration, events, events);
    }
  }

  /** Those that are ready and have a peer now. */
  #settle(registrations: readonly (Registration | undefined)[], ready: ReadyList): void {
    for (const fd of this.#unconnected) {
      if (ready.indexOf(registrations[fd]!) >= 0 && !isUnconnected(fd)) this.#established(fd);
    }
  }

  /** A connect has succeeded: it cannot fail any more. */
  #established(fd: number): void {
    this.#unconnected.delete(fd);
    if (!(this.#asked.get(fd)! & EVENT_PRIORITY)) this.#exceptional.delete(fd);
  }
}
