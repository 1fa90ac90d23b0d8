/** Edges of epoll(7), counted: whether something has arrived between two looks. */
import { Native } from "../ffi.ts";
import { closeFd } from "../posix.ts";
import { system } from "../system.ts";
import {
  epoll_ctl,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_EVENT,
  epoll_wait,
  epollCreate,
  EPOLLET,
  EPOLLIN,
  EPOLLOUT,
} from "./epoll.ts";

/**
 * Counts the edges of descriptors: data that arrives, room that is made. Other kinds than TCP have no
 * counts of bytes, but epoll(7) reports edges: four bytes that wait before and after are the same four
 * bytes only if none have arrived in between.
 */
export class Edges {
  #epfd = -1;
  readonly #counts = new Map<number, number>();
  readonly #event = new Native(16);
  readonly #events = new Native(64 * EPOLL_EVENT.size);

  /** How many so far; undefined when no descriptor is left to count with, and on other systems. */
  of(fd: number): number | undefined {
    if (system !== "linux") return undefined;
    try {
      if (this.#epfd === -1) this.#epfd = epollCreate();
    } catch {
      return undefined;
    }
    if (!this.#counts.has(fd)) {
      this.#event.int32[0] = EPOLLIN | EPOLLOUT | EPOLLET;
      this.#event.int32[EPOLL_EVENT.data / 4] = fd;
      const added = epoll_ctl(this.#epfd, EPOLL_CTL_ADD, fd, this.#event.pointer);
      if (added === -1) return undefined; // without edges it would seem unused
      this.#counts.set(fd, 0);
    }
    for (let count = 64; count === 64;) {
      count = epoll_wait(this.#epfd, this.#events.pointer, 64, 0);
      for (let i = 0; i < count; i++) {
        const about = this.#events.int32[(i * EPOLL_EVENT.size + EPOLL_EVENT.data) / 4]!;
        this.#counts.set(about, (this.#counts.get(about) ?? 0) + 1);
      }
    }
    return this.#counts.get(fd)!;
  }

  forget(fd: number): void {
    if (!this.#counts.delete(fd)) return;
    if (this.#counts.size === 0) return this.close(); // with the stale registrations that it may have
    epoll_ctl(this.#epfd, EPOLL_CTL_DEL, fd, this.#event.pointer);
  }

  close(): void {
    if (this.#epfd !== -1) closeFd(this.#epfd);
    this.#epfd = -1;
    this.#counts.clear();
  }
}
