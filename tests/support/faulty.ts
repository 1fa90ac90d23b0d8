// What a client sees of a server with faults.
import type { OSError } from "../../lib/net/mod.ts";
import type { Peer } from "./peers.ts";
import { sleep } from "./waiting.ts";

/** How a connection ended, and how many bytes came before. */
export interface Ending {
  bytes: Uint8Array;
  /** "FIN", or the code of the error, such as "ECONNRESET"; "open" when it did not end in time. */
  how: string;
  ms: number;
}

/** Reads until the server ends or resets, or the time has passed, or `enough` bytes have come. */
export async function readToAnyEnd(
  peer: Peer,
  withinMs = 8000,
  enough = Infinity,
): Promise<Ending> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const start = performance.now();
  const ending = (how: string): Ending => {
    return { bytes: Buffer.concat(parts), how, ms: performance.now() - start };
  };
  for (;;) {
    try {
      const bytes = peer.tryRead();
      parts.push(bytes);
      length += bytes.length;
      if (peer.ended) return ending("FIN");
      if (bytes.length === 0) await sleep(1);
    } catch (error) {
      return ending((error as OSError).code);
    }
    if (length >= enough || performance.now() - start > withinMs) return ending("open");
  }
}
