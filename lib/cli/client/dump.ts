/** The dump of both directions, on stderr: nothing waits for who reads it but in the turns of the loop. */
import { type Direction, Hexdump } from "../../client/hexdump.ts";
import type { Loop } from "../../client/loop.ts";
import type { Observer } from "../../client/session.ts";
import { EVENT_WRITE } from "../../selectors/selector.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { reopenNonBlocking } from "../../sys/linux/files.ts";
import { c } from "../../sys/posix.ts";
import { kindOf } from "../../sys/stdio/file.ts";
import { err } from "../output.ts";

/** A description of stderr that is our own, and so may be non-blocking; -1 where there is none. */
let own: number | undefined;
const ownStderr = (): number =>
  own ??= ["pipe", "terminal"].includes(kindOf(2)) ? reopenNonBlocking(2, "write") : -1;

/** Of one connection. */
export class Dump implements Observer {
  readonly #hexdump = new Hexdump();
  readonly #fd = ownStderr();
  /** Lines that stderr does not take yet. */
  #waiting: Uint8Array[] = [];

  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  see(direction: Direction, bytes: Uint8Array): void {
    const lines = this.#hexdump.lines(direction, bytes, new Date());
    if (this.#fd === -1) return void err(lines);
    const first = !this.waits;
    this.#waiting.push(lines.slice());
    if (first) this.#write();
  }

  async settle(loop: Loop, stop: AbortSignal): Promise<void> {
    try {
      while (this.waits) {
        stop.throwIfAborted();
        loop.watch(this.#fd, EVENT_WRITE, () => this.#write());
        await loop.turn();
      }
    } finally {
      loop.forget(this.#fd);
    }
  }

  #write(): void {
    for (let first; (first = this.#waiting[0]);) {
      const count = c.writeBytes(this.#fd, first, first.length);
      if (count === -1 && (errno() === ERRNO.EAGAIN || errno() === ERRNO.EINTR)) return;
      // Its reader or its terminal has gone: there is no place to say it.
      if (count === -1) this.#waiting = [];
      else if (count === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(count);
    }
  }
}
