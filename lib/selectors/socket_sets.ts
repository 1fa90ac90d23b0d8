/**
 * The sets that select() takes on Windows: arrays of sockets, see
 * https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select
 *
 * A connect that failed makes a socket neither readable nor writable there: it is told in the third
 * set, "exceptfds", alone. So whatever may be connecting is put there, too.
 */
import { FD_SETSIZE } from "../sys/constants.ts";
import { SocketSet, Timeval } from "../sys/fd_set.ts";
import { c } from "../sys/posix.ts";
import { sleepFor } from "../sys/windows.ts";
import { isUnconnected } from "../sys/winsock.ts";
import { type FdSets, noRoom } from "./fd_sets.ts";
import type { ReadyList } from "./ready_list.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "./selector.ts";

const BOTH = EVENT_READ | EVENT_WRITE;

/** Arrays of at most FD_SETSIZE sockets, whatever their values. */
export class SocketSets implements FdSets {
  readonly #readers = new SocketSet(FD_SETSIZE);
  readonly #writers = new SocketSet(FD_SETSIZE);
  readonly #exceptional = new SocketSet(FD_SETSIZE);
  readonly #timeval = new Timeval();
  /** The EVENT_* bits asked for, by socket. */
  readonly #asked = new Map<number, number>();
  /** Those that had no peer when they were last looked at. */
  readonly #unconnected = new Set<number>();
  /** Of the last answer: where each socket is in the list. */
  readonly #places = new Map<number, number>();

  /** How many sockets are asked about. */
  get size(): number {
    return this.#asked.size;
  }

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

  #put(set: SocketSet, fd: number, wanted: number): void {
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

  collect<R>(
    expected: number,
    registrations: readonly (R | undefined)[],
    ready: ReadyList<R>,
  ): void {
    if (expected === 0) return;
    this.#places.clear();
    const tell = (fd: number, bits: number) => {
      const place = this.#places.get(fd);
      if (place !== undefined) {
        ready.mark(place, bits);
        return;
      }
      this.#places.set(fd, ready.length);
      ready.add(registrations[fd]!, bits);
    };
    for (let i = 0; i < this.#readers.ready; i++) tell(this.#readers.at(i), EVENT_READ);
    for (let i = 0; i < this.#writers.ready; i++) tell(this.#writers.at(i), EVENT_WRITE);
    for (let i = 0; i < this.#exceptional.ready; i++) {
      const fd = this.#exceptional.at(i);
      // The set tells of out-of-band data as well, which only an established connection can have.
      if (this.#unconnected.has(fd) && isUnconnected(fd)) tell(fd, BOTH);
      else if (this.#asked.get(fd)! & EVENT_PRIORITY) tell(fd, EVENT_PRIORITY);
      else this.#established(fd);
    }
    for (const fd of this.#unconnected) {
      if (this.#places.has(fd) && !isUnconnected(fd)) this.#established(fd);
    }
  }

  /** A connect has succeeded: it cannot fail any more. */
  #established(fd: number): void {
    this.#unconnected.delete(fd);
    if (!(this.#asked.get(fd)! & EVENT_PRIORITY)) this.#exceptional.delete(fd);
  }
}
