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

/** Pumps until all is over. @throws OSError ECONNREFUSED, …; ReaderGone; the signal's reason */
export async function exchangeDatagrams(
  socket: DatagramSocket,
  input: Input,
  output: Output,
  options: Omit<SessionOptions, "halfClose">,
  { loop, stop }: { readonly loop: Loop; readonly stop: AbortSignal },
): Promise<SessionEnd> {
  const { sends, receives, graceMs, quitAfterMs, idleTimeoutMs = Infinity, observer } = options;
  let movedAt = performance.now();

  /** Receives and writes what has come; false when the output has no room. */
  const receive = (): boolean => {
    while (output.write()) {
      const datagram = socket.recvFrom(output.buffer);
      if (datagram === null) return true;
      movedAt = performance.now();
      if (!receives || datagram.bytes === 0) continue;
      observer?.see("received", output.buffer.subarray(0, datagram.bytes));
      output.fill(datagram.bytes);
    }
    return false;
  };

  /** Sends what was read; true when the kernel has no room. */
  const send = (): boolean => {
    if (!sends) return false;
    for (;;) {
      const { buffer, start, end } = input;
      const part = buffer.subarray(start, Math.min(end, start + MOST));
      if (part.length === 0) {
        if (input.ended || !input.read()) return false;
        continue;
      }
      if (socket.send(part) === WOULD_BLOCK) return true;
      observer?.see("sent", part);
      input.take(part.length);
      movedAt = performance.now();
    }
  };

  /** When nothing more is waited for: all was said, and all that came is written. */
  const restEnds = (): number => {
    const said = sends && input.ended && input.empty && output.empty;
    return said ? movedAt + (receives ? quitAfterMs ?? graceMs : 0) : Infinity;
  };
  const idleAt = () => movedAt + idleTimeoutMs;

  const over = (): SessionEnd["reason"] | undefined => {
    const now = performance.now();
    const [rest, idle] = [restEnds(), idleAt()];
    if (now < Math.min(rest, idle)) return undefined;
    return rest <= idle ? "finished" : "idle";
  };

  /** Asks for what can be done now; true when something without readiness, such as a file, is ready. */
  const watch = (hasRoom: boolean, full: boolean): boolean => {
    const nothing = () => {};
    const events = (hasRoom ? EVENT_READ : 0) | (full ? EVENT_WRITE : 0);
    loop.watch(socket.fileno(), events, nothing);
    const reads = sends && !input.ended && !full;
    const watchesInput = loop.tryToWatch(input.fd, reads ? EVENT_READ : 0, nothing);
    const watchesOutput = output.watch(loop, nothing);
    return (reads && !watchesInput) || (!hasRoom && !watchesOutput);
  };

  const forget = (): void => {
    loop.forget(socket.fileno());
    loop.forget(input.fd);
    output.rest(loop);
  };

  try {
    for (;;) {
      const received = receive();
      const full = send();
      if (observer?.waits) {
        forget();
        await observer.settle(stop);
      }
      const reason = over();
      if (reason) return { reason, unsent: input.left, lost: 0 };
      const left = Math.min(restEnds(), idleAt()) - performance.now();
      const wait = left === Infinity ? undefined : Math.max(left, 0);
      await loop.turn(watch(received, full) ? 0 : wait);
      stop.throwIfAborted();
    }
  } finally {
    forget();
  }
}
