/** Writing to the standard streams, all of it, before going on: results must not be lost at exit. */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { isStandIn } from "./stand_in.ts";

const RETRY_MS = 5;
/** How long messages, and what was not taken at the end of the process, wait for a reader. */
export const FLUSH_MS = 1000;

/**
 * Writes text or bytes to a descriptor. A pipe or socket without a reader is no error, as the program has other work: it returns
 * false then.
 *
 * @throws Error with a code: ENOSPC, EIO; EBADF when it is closed; EAGAIN when a non-blocking one has taken
 * nothing for `patienceMs`
 */
export function writeAll(
  fd: number,
  text: string | Uint8Array,
  patienceMs: number = Infinity,
): boolean {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  if (bytes.length > 0 && isStandIn(fd)) {
    throw Object.assign(new Error("EBADF: bad file descriptor, write"), { code: "EBADF" });
  }
  let waited = 0;
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
      waited = 0;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE" || code === "ECONNRESET") return false;
      if (code !== "EAGAIN" || waited >= patienceMs) throw error;
      // Another process may have made the shared description non-blocking; a pipe is read in time.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      waited += RETRY_MS;
    }
  }
  return true;
}

/**
 * As `writeAll`, for messages: a pipe that takes nothing is not waited for longer than FLUSH_MS. O_NONBLOCK would be
 * set for all processes that share it, so it is opened once more (proc(5)); where that can't be done it is waited for.
 */
export function writeMessage(fd: number, text: string | Uint8Array): boolean {
  let own = fd;
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK;
    if (fstatSync(fd).isFIFO()) own = openSync(`/proc/self/fd/${fd}`, flags);
  } catch {
    // No reader, which the write says; no /proc; or Deno, which lets nobody open that.
  }
  try {
    return writeAll(own, text, FLUSH_MS);
  } finally {
    if (own !== fd) closeSync(own);
  }
}
