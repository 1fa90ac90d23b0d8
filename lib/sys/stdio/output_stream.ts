/**
 * A standard stream of a program that has other work: written without holding up its thread.
 *
 * A pipe or a terminal that is not read would block write(2), and its O_NONBLOCK belongs to all
 * processes that share it. So a pipe or terminal is opened once more, by its name in /proc, and that open
 * file description is non-blocking. Where that fails, poll(2) says whether PIPE_BUF bytes fit (pipe(7)).
 */
import { MSG_DONTWAIT, MSG_NOSIGNAL, POLLOUT } from "../constants.ts";
import { ERRNO, errno, OSError } from "../errno.ts";
import { kindOf } from "./file.ts";
import { FLUSH_MS, writeAll } from "./output.ts";
import { reopenNonBlocking } from "../linux/files.ts";
import { pollFor } from "../poll.ts";
import { c, retry } from "../posix.ts";
import { system } from "../system.ts";

/** What waits at most; more is dropped. */
const CAPACITY = 1 << 20;
const RETRY_MS = 20;
/** What fits into a pipe that is reported writable, on every system. */
const PIPE_BUF = 512;
const { EAGAIN, ECONNRESET, EPIPE } = ERRNO as Record<"EAGAIN" | "ECONNRESET" | "EPIPE", number>;

/** How write(2) is called so that it does not wait. */
type Write = (bytes: Uint8Array) => number;

/** Windows: a descriptor here is a socket, and a standard stream is none. It may wait for its reader. */
function handleWriter(fd: number): Write {
  const { writeSync } = process.getBuiltinModule("node:fs");
  return (bytes) => {
    try {
      return writeSync(fd, bytes);
    } catch {
      return bytes.length; // a full disk, a reader that has gone: this text is lost
    }
  };
}

function writerOf(fd: number): Write {
  if (system === "windows") return handleWriter(fd);
  const kind = kindOf(fd);
  if (kind === "none") return (bytes) => bytes.length; // another file may have its number by now
  if (kind === "socket") {
    return (bytes) => c.sendBytes(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  const waits = kind === "pipe" || kind === "terminal";
  const own = waits ? reopenNonBlocking(fd, "write") : fd;
  if (own >= 0) return (bytes) => c.writeBytes(own, bytes, bytes.length);
  return (bytes) => {
    if (pollFor(fd, POLLOUT, 0) <= 0) return 0;
    return c.writeBytes(fd, bytes, Math.min(bytes.length, PIPE_BUF));
  };
}

/**
 * As `writeAll`, for results: it waits for a reader as long as that takes, and leaves the thread free meanwhile, so
 * that signals are handled. Once `stop` is aborted it waits for FLUSH_MS at most; what is left then is lost.
 *
 * @throws Error with a code: ENOSPC, EIO; EBADF when it is closed
 */
export async function writeWhole(
  fd: number,
  text: string,
  stop: AbortSignal,
): Promise<boolean> {
  const waits = ["pipe", "terminal", "socket"].includes(kindOf(fd));
  if (system === "windows" || !waits) return writeAll(fd, text);
  const write = writerOf(fd);
  let rest = new TextEncoder().encode(text);
  let end = Infinity;
  const onStop = () => end = performance.now() + FLUSH_MS;
  if (stop.aborted) onStop();
  else stop.addEventListener("abort", onStop, { once: true });
  for (let pause = 1; rest.length > 0 && performance.now() < end;) {
    const written = retry(() => write(rest));
    const error = written === -1 ? errno() : 0;
    if (error === EPIPE || error === ECONNRESET) return false;
    if (error !== 0 && error !== EAGAIN) throw new OSError(error, "write");
    if (written > 0) {
      rest = rest.subarray(written);
      pause = 1;
      if (stop.aborted) onStop();
      continue;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, RETRY_MS);
  }
  return true;
}

/** Text for a descriptor. What it can't take waits in a bounded queue; what does not fit is dropped. */
export class OutputStream {
  /** How many writes were dropped, wholly or in part, and not reported by `recovered` yet. */
  dropped = 0;
  readonly #write: Write;
  readonly #recovered: ((dropped: number) => string) | undefined;
  readonly #waiting: Uint8Array[] = [];
  #length = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** EPIPE: it will never be read. */
  #closed = false;

  /** `recovered` makes the text that is written once the stream takes text again after some was dropped. */
  constructor(fd: number, recovered?: (dropped: number) => string) {
    this.#write = writerOf(fd);
    this.#recovered = recovered;
  }

  /** Writes, or queues what the descriptor does not take now. Never throws. */
  write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (this.#closed || bytes.length === 0) return;
    if (this.#length + bytes.length > CAPACITY) {
      this.dropped++;
      return;
    }
    this.#waiting.push(bytes);
    this.#length += bytes.length;
    if (this.#timer === undefined) this.#drain();
  }

  #drain(): void {
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0]!;
      const written = retry(() => this.#write(first));
      const error = written === -1 ? errno() : 0;
      if (written === 0 || error === EAGAIN) return this.#again();
      if (error === EPIPE) return this.#close();
      if (error !== 0) this.dropped++; // ENOSPC, EIO: this text is lost; the next may find room
      const rest = error === 0 ? first.subarray(written) : first.subarray(first.length);
      this.#length -= first.length - rest.length;
      if (rest.length > 0) this.#waiting[0] = rest;
      else this.#waiting.shift();
      if (this.#waiting.length === 0 && error === 0 && this.dropped > 0) this.#report();
    }
  }

  #report(): void {
    const text = this.#recovered?.(this.dropped);
    this.dropped = 0;
    if (text) this.write(text);
  }

  #again(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#drain();
    }, RETRY_MS);
    this.#timer.unref?.();
  }

  #close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#length = 0;
  }

  /** Resolves when all is written, or after `ms` milliseconds; what is left then is lost. */
  async flush(ms: number): Promise<void> {
    for (const end = performance.now() + ms; this.#length > 0 && performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS / 2));
    }
  }
}
