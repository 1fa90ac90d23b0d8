/**
 * A netcat for datagrams: each read of standard input is one, and each that comes is a write. Datagrams
 * have no end, so the session ends when nothing has come for a while after standard input has ended.
 */
import { type DatagramSocket, WOULD_BLOCK } from "../net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../selectors/selector.ts";
import type { Input } from "./input.ts";
import type { Loop } from "./loop.ts";
import type { Output } from "./output.ts";
import type { SessionEnd, SessionOptions } from "./session.ts";

/** The most bytes of standard input that become one datagram, as with OpenBSD's nc. */
const MOST = 16_384;

export type DatagramOptions = Pick<
  SessionOptions,
  "graceMs" | "quitAfterMs" | "idleTimeoutMs" | "sends" | "receives" | "observer"
>;

export class DatagramSession {
  readonly #socket: DatagramSocket;
  readonly #input: Input;
  readonly #output: Output;
  readonly #loop: Loop;
  readonly #options: DatagramOptions;
  #movedAt = performance.now();

  constructor(
    socket: DatagramSocket,
    input: Input,
    output: Output,
    loop: Loop,
    options: DatagramOptions,
  ) {
    this.#socket = socket;
    this.#input = input;
    this.#output = output;
    this.#loop = loop;
    this.#options = options;
  }

  /** Pumps until the session is over. @throws OSError ECONNREFUSED, …; ReaderGone; the signal's reason */
  async run(stop: AbortSignal): Promise<SessionEnd> {
    try {
      for (;;) {
        const received = this.#receive();
        const full = this.#send();
        const { observer } = this.#options;
        if (observer?.waits) {
          this.#forget();
          await observer.settle(stop);
        }
        const reason = this.#over();
        if (reason) return { reason, unsent: this.#input.left, lost: 0 };
        const alwaysReady = this.#watch(received, full);
        await this.#loop.turn(alwaysReady ? 0 : this.#left());
        stop.throwIfAborted();
      }
    } finally {
      this.#forget();
    }
  }

  #forget(): void {
    this.#loop.forget(this.#socket.fileno());
    this.#loop.forget(this.#input.fd);
    this.#output.rest(this.#loop);
  }

  /** Receives and writes what has come; false when the output has no room. */
  #receive(): boolean {
    while (this.#output.write()) {
      const datagram = this.#socket.recvFrom(this.#output.buffer);
      if (datagram === null) return true;
      this.#movedAt = performance.now();
      if (!this.#options.receives || datagram.bytes === 0) continue;
      this.#options.observer?.see("received", this.#output.buffer.subarray(0, datagram.bytes));
      this.#output.fill(datagram.bytes);
    }
    return false;
  }

  /** Sends what was read; true when the kernel has no room. */
  #send(): boolean {
    if (!this.#options.sends) return false;
    for (;;) {
      const { buffer, start, end } = this.#input;
      const part = buffer.subarray(start, Math.min(end, start + MOST));
      if (part.length === 0) {
        if (this.#input.ended || !this.#input.read()) return false;
        continue;
      }
      if (this.#socket.send(part) === WOULD_BLOCK) return true;
      this.#options.observer?.see("sent", part);
      this.#input.take(part.length);
      this.#movedAt = performance.now();
    }
  }

  /** When nothing more is waited for: all was said, and all that came is written. */
  #restEnds(): number {
    const { sends, receives, graceMs, quitAfterMs } = this.#options;
    const said = sends && this.#input.ended && this.#input.empty && this.#output.empty;
    if (!said) return Infinity;
    return this.#movedAt + (receives ? quitAfterMs ?? graceMs : 0);
  }
  #idleAt(): number {
    return this.#movedAt + (this.#options.idleTimeoutMs ?? Infinity);
  }

  #over(): SessionEnd["reason"] | undefined {
    const now = performance.now();
    const [rest, idle] = [this.#restEnds(), this.#idleAt()];
    if (now < Math.min(rest, idle)) return undefined;
    return rest <= idle ? "finished" : "idle";
  }

  #left(): number | undefined {
    const left = Math.min(this.#restEnds(), this.#idleAt()) - performance.now();
    return left === Infinity ? undefined : Math.max(left, 0);
  }

  /** Asks for what can be done now; true when something without readiness, such as a file, is ready. */
  #watch(hasRoom: boolean, full: boolean): boolean {
    const nothing = () => {};
    const events = (hasRoom ? EVENT_READ : 0) | (full ? EVENT_WRITE : 0);
    this.#loop.watch(this.#socket.fileno(), events, nothing);
    const reads = this.#options.sends && !this.#input.ended && !full;
    const input = this.#loop.tryToWatch(this.#input.fd, reads ? EVENT_READ : 0, nothing);
    const output = this.#output.watch(this.#loop, nothing);
    return (reads && !input) || (!hasRoom && !output);
  }
}
