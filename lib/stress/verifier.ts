/** Holds what a connection receives against the oracle, and classifies the first mismatch. */
import type { MismatchKind, Oracle, Place } from "./oracle.ts";

/** The first wrong byte of a connection. `expected` and `actual` are up to 16 bytes in hexadecimal. */
export interface Mismatch {
  readonly connection: number;
  /** Position in what the connection received. */
  readonly offset: number;
  readonly kind: MismatchKind;
  readonly expected: string;
  readonly actual: string;
}

/** How much is collected after the first wrong byte, to tell reordered from lost. */
const EVIDENCE = 64 * 1024;
const SHOWN = 16;
/** How far ahead a stream is looked for that goes on after wrong bytes. */
const SCAN = 4096;

const hex = (bytes: Uint8Array) =>
  Array.from(bytes.subarray(0, SHOWN), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Verifies one connection. */
export class Verifier {
  readonly #oracle: Oracle;
  readonly #connection: number;
  readonly #same: (a: Uint8Array, b: Uint8Array, length: number) => boolean;
  /** How many bytes arrived and were right. */
  offset = 0;
  /** What arrived from the first wrong byte on. */
  #evidence: Uint8Array | undefined;

  constructor(
    oracle: Oracle,
    connection: number,
    same: (a: Uint8Array, b: Uint8Array, length: number) => boolean,
  ) {
    this.#oracle = oracle;
    this.#connection = connection;
    this.#same = same;
  }

  /** A wrong byte was seen. */
  get broken(): boolean {
    return this.#evidence !== undefined;
  }

  /** There is enough to classify the mismatch without waiting for more. */
  get conclusive(): boolean {
    return (this.#evidence?.length ?? 0) >= EVIDENCE;
  }

  /**
   * Takes the next bytes, of which at most `allowed` were sent so far. Returns how many of them are
   * right; less than all of them means that the connection is broken from there on.
   */
  take(bytes: Uint8Array, allowed: number): number {
    if (this.#evidence) {
      if (!this.conclusive) this.#evidence = concat(this.#evidence, bytes);
      return 0;
    }
    const length = Math.min(bytes.length, allowed - this.offset);
    const expected = this.#oracle.expected(this.#connection, this.offset, length);
    if (length === bytes.length && this.#same(bytes, expected, length)) {
      this.offset += length;
      return length;
    }
    let right = 0;
    while (right < length && bytes[right] === expected[right]) right++;
    this.offset += right;
    this.#evidence = bytes.slice(right);
    return right;
  }

  /** What went wrong at the first wrong byte, when `allowed` bytes were sent in all. */
  mismatch(allowed: number): Mismatch {
    const evidence = this.#evidence!;
    return this.#report(this.#classify(evidence, allowed), allowed, hex(evidence));
  }

  /** The peer ended its stream before all of `allowed` bytes had come. */
  truncation(allowed: number): Mismatch {
    return this.#report("truncated", allowed, "");
  }

  #report(kind: MismatchKind, allowed: number, actual: string): Mismatch {
    const { offset } = this;
    const length = Math.min(SHOWN, allowed - offset);
    const expected = hex(this.#oracle.expected(this.#connection, offset, length));
    return { connection: this.#connection, offset, kind, expected, actual };
  }

  /** Whether all of `evidence` is our stream from `offset` on. */
  #isOurs(evidence: Uint8Array, offset: number): boolean {
    const place = { connection: this.#connection, offset };
    return offset >= 0 && this.#oracle.agrees(evidence, 0, evidence.length, place);
  }

  #classify(evidence: Uint8Array, allowed: number): MismatchKind {
    const place = this.#oracle.locate(evidence, 0, this.offset);
    if (place) return this.#classifyPlaced(evidence, place);
    // The first wrong bytes are of no stream: see where, if anywhere, ours goes on.
    for (let at = 1; at < Math.min(evidence.length, SCAN); at++) {
      const next = this.#oracle.locate(evidence, at, this.offset);
      if (next?.connection !== this.#connection) continue;
      const missing = next.offset - (this.offset + at);
      if (missing > 0) return "lost";
      if (missing === 0) return "corrupted";
      const start = this.offset - at;
      const repeated = next.offset === this.offset && start >= 0 &&
        this.#oracle.agrees(evidence, 0, at, { connection: this.#connection, offset: start });
      return repeated ? "duplicated" : "foreign"; // inserted
    }
    return this.#classifyByLength(evidence, allowed);
  }

  /** Too few bytes to recognize, as at the end of all that comes: are they too many, or too few? */
  #classifyByLength(evidence: Uint8Array, allowed: number): MismatchKind {
    const excess = this.offset + evidence.length - allowed;
    const shifted = this.#isOurs(evidence, this.offset - excess);
    if (excess > 0) return shifted ? "duplicated" : "foreign";
    return excess < 0 && shifted ? "lost" : "corrupted";
  }

  /** The first wrong bytes belong to a stream. */
  #classifyPlaced(evidence: Uint8Array, place: Place): MismatchKind {
    if (place.connection !== this.#connection) return "foreign";
    if (place.offset < this.offset) return "duplicated";
    // Bytes from further on came too early: lost, unless the missing ones follow.
    let at = 1;
    while (
      at < evidence.length &&
      this.#oracle.agrees(evidence, at, 1, { ...place, offset: place.offset + at })
    ) at++;
    for (const end = Math.min(evidence.length, at + SCAN); at < end; at++) {
      const next = this.#oracle.locate(evidence, at, this.offset);
      if (next?.connection !== this.#connection || next.offset < this.offset) continue;
      return next.offset < place.offset ? "reordered" : "lost";
    }
    return "lost";
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
