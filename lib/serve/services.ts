/**
 * The services: bytes in, bytes out, and no I/O.
 *
 * echo (RFC 862), discard (RFC 863), chargen (RFC 864), daytime (RFC 867), and upper, which answers in
 * upper case.
 */

import { upperCase } from "./upper_case.ts";

export interface Service {
  /** The answer to `bytes`, which it may change in place; null for none. Valid until the next one. */
  answer(bytes: Uint8Array): Uint8Array | null;
  /** Sent at once; the server then ends the connection. */
  greeting?(): Uint8Array;
  /** An endless stream for the peer: at most `limit` bytes from `position`, and where it goes on. */
  source?(position: number, limit: number): { bytes: Uint8Array; next: number };
}

const FIRST = 0x20; // space, the first of the 95 printable characters
const PRINTABLE = 95;
const LINE = 72;

/** The whole pattern of RFC 864: 95 lines of 72 characters, each beginning one character later. */
function chargenPattern(): Uint8Array {
  const pattern = new Uint8Array(new ArrayBuffer(PRINTABLE * (LINE + 2)));
  for (let line = 0, at = 0; line < PRINTABLE; line++) {
    for (let i = 0; i < LINE; i++) pattern[at++] = FIRST + (line + i) % PRINTABLE;
    pattern[at++] = 0x0d;
    pattern[at++] = 0x0a;
  }
  return pattern;
}

const pattern = chargenPattern();
const nothing = () => null;

export const SERVICES: Readonly<Record<string, Service>> = {
  echo: { answer: (bytes) => bytes },
  upper: { answer: upperCase },
  discard: { answer: nothing },
  chargen: {
    answer: nothing,
    source(position, limit) {
      const bytes = pattern.subarray(position, position + limit);
      return { bytes, next: (position + bytes.length) % pattern.length };
    },
  },
  daytime: {
    answer: nothing,
    greeting: () => new TextEncoder().encode(`${new Date().toUTCString()}\r\n`),
  },
};

/**
 * The services that answer a datagram with at most as many bytes. chargen and daytime are not among them:
 * with a forged sender's address they would flood its owner (RFC 4732, 3.1).
 */
export const DATAGRAM_SERVICES: readonly string[] = ["echo", "upper", "discard"];
