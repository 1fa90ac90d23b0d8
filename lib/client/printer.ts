/** Printing beside other work: what a standard stream does not take yet waits for it. */
import type { Loop } from "./loop.ts";
import type { Output } from "./output.ts";

export class Printer implements Disposable {
  readonly #output: Output;
  readonly #loop: Loop;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;

  constructor(output: Output, loop: Loop) {
    this.#output = output;
    this.#loop = loop;
    output.rest(loop);
  }

  get waiting(): number {
    return this.#output.waiting + this.#queued;
  }

  /** Writes at once what can be written. Bytes are lent. @throws ReaderGone; OSError such as ENOSPC */
  print(bytes: Uint8Array): void {
    this.#queue.push(bytes.slice());
    this.#queued += bytes.length;
    if (this.#output.empty) this.#write();
  }

  /**
   * Waits until all is written: true. False when nothing of it was taken for so many milliseconds.
   *
   * @throws ReaderGone; OSError such as ENOSPC; the signal's reason
   */
  async drain(stop: AbortSignal, patienceMs = Infinity): Promise<boolean> {
    for (
      let deadline = 0, left = Infinity;
      this.waiting > 0;
      await this.#loop.turn(until(deadline))
    ) {
      stop.throwIfAborted();
      if (this.waiting < left) deadline = performance.now() + patienceMs;
      else if (performance.now() >= deadline) return false;
      left = this.waiting;
    }
    return true;
  }

  /** Waits until all is written, and was taken from where it was written to. @throws as `drain` */
  async finish(stop: AbortSignal): Promise<void> {
    await this.drain(stop);
    await this.#output.finish(this.#loop, stop);
  }

  [Symbol.dispose](): void {
    this.#output.rest(this.#loop);
  }

  readonly #write = (): void => {
    do {
      if (this.#output.empty) this.#fill();
      // What has no readiness, as a regular file, takes everything.
    } while (
      this.#output.write() ? this.#queued > 0 : !this.#output.watch(this.#loop, this.#write)
    );
    this.#output.watch(this.#loop, this.#write);
  };

  #fill(): void {
    const { buffer } = this.#output;
    let count = 0;
    for (let first; count < buffer.length && (first = this.#queue[0]);) {
      const part = first.subarray(0, buffer.length - count);
      buffer.set(part, count);
      count += part.length;
      if (part.length === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(part.length);
    }
    this.#queued -= count;
    this.#output.fill(count);
  }
}

const until = (deadline: number): number | undefined =>
  deadline === Infinity ? undefined : Math.max(0, deadline - performance.now());
