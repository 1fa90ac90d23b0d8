/**
 * What is polled elsewhere for select and poll, which have no descriptor of their own: an epoll set with
 * the same descriptors. Linux.
 *
 * poll(2) in another thread holds on to every file that it waits for: a socket that is closed meanwhile
 * would stay open for its peer until the poll ends. An epoll set lets go of it at once.
 */
import { Native } from "../../sys/ffi.ts";
import {
  epoll_ctl,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  epollCreate,
} from "../../sys/linux/epoll.ts";
import { closeFd } from "../../sys/posix.ts";
import { system } from "../../sys/system.ts";
import type { Registration } from "../backend.ts";
import { pollBits } from "../poll/bits.ts";

/** An epoll set that follows the registrations of a selector. */
export class Mirror {
  readonly fd: number = epollCreate();
  /** What is in the set, by descriptor. */
  readonly #watched = new Map<number, { generation: number; events: number }>();
  readonly #event = new Native(16);

  /** A new one; undefined where there is no epoll, or no descriptor left. */
  static make(): Mirror | undefined {
    if (system !== "linux") return undefined;
    try {
      return new Mirror();
    } catch {
      return undefined;
    }
  }

  /** Makes the set what it should be. What is closed by now is left out. */
  follow(registrations: readonly Registration[]): void {
    const gone = new Set(this.#watched.keys());
    for (const { fd, generation, events } of registrations) {
      gone.delete(fd);
      const known = this.#watched.get(fd);
      if (known?.generation === generation && known.events === events) continue;
      if (known?.generation !== generation || !this.#control(EPOLL_CTL_MOD, fd, events)) {
        this.#control(EPOLL_CTL_DEL, fd, 0);
        this.#control(EPOLL_CTL_ADD, fd, events);
      }
      this.#watched.set(fd, { generation, events });
    }
    for (const fd of gone) {
      this.#control(EPOLL_CTL_DEL, fd, 0);
      this.#watched.delete(fd);
    }
  }

  #control(operation: number, fd: number, events: number): boolean {
    this.#event.int32[0] = pollBits(events);
    return epoll_ctl(this.fd, operation, fd, this.#event.pointer) === 0;
  }

  close(): void {
    closeFd(this.fd);
  }
}
