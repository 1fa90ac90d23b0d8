/** Printing beside other work: what standard output does not take yet waits for it. */
import { EVENT_READ, EVENT_WRITE } from "../selectors/selector.ts";
import type { Loop } from "./loop.ts";
import type { Output } from "./output.ts";

/** Writes in the turns of a loop. A reader that goes away makes the loop's turn throw ReaderGone. */
export class Printer implements Disposable {
  readonly #output: Output;
  readonly #loop: Loop;
  readonly #waiting: Uint8Array[] = [];

  constructor(output: Output, loop: Loop) {
    this.#output = output;
    this.#loop = loop;
    this.#watch();
  }

  /** Writes at once what can be written. Bytes are lent. @throws ReaderGone; OSError such as ENOSPC */
  print(bytes: Uint8Array): void {
    const waits = !this.#output.empty;
    this.#waiting.push(bytes.slice());
    if (!waits) this.#write();
  }

  /** Waits until all is written. @throws ReaderGone; OSError such as ENOSPC; the signal's reason */
  async finish(stop: AbortSignal): Promise<void> {
    while (!this.#output.empty) {
      stop.throwIfAborted();
      await this.#loop.turn();
    }
    this[Symbol.dispose]();
    await this.#output.finish(this.#loop, stop);
  }

  [Symbol.dispose](): void {
    this.#loop.forget(this.#output.fd);
  }

  #write(): void {
    do {
      if (this.#output.empty) this.#fill();
      // What has no readiness, as a regular file, takes everything.
    } while (this.#output.write() ? this.#waiting.length > 0 : !this.#watch());
    this.#watch();
  }

  #fill(): void {
    const { buffer } = this.#output;
    let count = 0;
    for (let first; count < buffer.length && (first = this.#waiting[0]);) {
      const part = first.subarray(0, buffer.length - count);
      buffer.set(part, count);
      count += part.length;
      if (part.length === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(part.length);
    }
    this.#output.fill(count);
  }

  /** Waits for what there is to wait for; false when standard output has no readiness. */
  #watch(): boolean {
    const { fd, empty, showsReader } = this.#output;
    const events = (empty ? 0 : EVENT_WRITE) | (showsReader ? EVENT_READ : 0);
    return this.#loop.tryToWatch(fd, events, this.#ready);
  }

  readonly #ready = (): void => {
    this.#output.checkReader();
    if (!this.#output.empty) this.#write();
  };
}
