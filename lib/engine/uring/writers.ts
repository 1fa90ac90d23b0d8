/**
 * Waiting until more can be sent to a peer that has ended. A poll of io_uring always asks for POLLRDHUP as
 * well, so that it would be over at once, again and again; an epoll set, which the ring watches, need not.
 */
import { EpollSelector, EVENT_WRITE } from "../../selectors/mod.ts";
import { POLLIN } from "../../sys/constants.ts";
import type { UringCore } from "./core.ts";
import type { Writer, Writers } from "./target.ts";
import { Watch } from "./watch.ts";

/** The connections of an engine that wait so. */
export class EpollWriters implements Writers {
  readonly #core: UringCore;
  /** Made when it is first needed. */
  #epoll: EpollSelector<Writer> | undefined;
  #watch: Watch | undefined;

  constructor(core: UringCore) {
    this.#core = core;
  }

  add(fd: number, writer: Writer): void {
    if (!this.#epoll) {
      const epoll = this.#epoll = new EpollSelector<Writer>();
      this.#watch = new Watch(this.#core, epoll.fileno(), POLLIN, () => {
        epoll.dispatch(0, (key) => {
          epoll.unregister(key.fd);
          key.data.sendable();
        });
      });
    }
    this.#epoll.register(fd, EVENT_WRITE, writer);
  }

  remove(fd: number): void {
    this.#epoll!.unregister(fd);
  }

  close(): void {
    this.#watch?.close();
    this.#epoll?.close();
  }
}
