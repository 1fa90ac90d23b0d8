/** Writing to the standard streams, all of it, before going on: results must not be lost at exit. */
import { writeSync } from "node:fs";

/**
 * Writes text or bytes to a descriptor. A pipe without a reader is no error, as the program has other work: it returns
 * false then.
 */
export function writeAll(fd: number, text: string | Uint8Array): boolean {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as { code?: string };
      // Somebody else may have made the shared description non-blocking; a pipe is read in time.
      if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else if (code === "EPIPE") return false;
      else throw error;
    }
  }
  return true;
}
