/** Holds what a connection receives against the oracle, and classifies the first mismatch. */
import { sameBytes } from "../../sys/posix.ts";
import { hex, SHOWN } from "./hex.ts";
import type { Place } from "./oracle.ts";
import type { Mismatch, MismatchKind } from "../../result/result.ts";

/**
 * What the connections must receive: a stream of messages for each of them, of which every byte is
 * known. The seeded one is the oracle's; a message of the user's makes another.
 */
export interface Streams {
  /** Bytes of the first messages of a connection. */
  lengthOf(connection: number, messages: number): number;
  /** How many messages are complete in the first bytes of a connection. */
  messagesIn(connection: number, bytes: number): number;
  /** Bytes that a connection must receive. The view is valid until the next call. */
  expected(connection: number, offset: number, length: number): Uint8Array;
  /**
   * Where the bytes at `at` come from; undefined when that can't be known. The first of the bytes has
   * arrived at the place `offset` of `connection`, and those before it were right.
   */
  locate(bytes: Uint8Array, at: number, offset: number, connection: number): Place | undefined;
  /** Whether `length` bytes at `at` are those of a place. */
  agrees(bytes: Uint8Array, at: number, length: number, place: Place): boolean;
}

/** How much is collected after the first wrong byte, to distinguish reordered from lost. */
const EVIDENCE = 64 * 1024;
/** How far ahead a stream is looked for that goes on after wrong bytes. */
const SCAN = 4096;

/**
 * Verifies one connection. Places count from the start of its stream; when an earlier connection has used up
 * the messages before the `first`, a mismatch says what this one has received.
 */
export class Verifier {
  protected readonly streams: Streams;
  protected readonly connection: number;
  /** The number of its first message. */
  protected readonly first: number;
  /** The place in its stream until which all was right. */
  offset: number;
  /** What arrived from the first wrong byte on. */
  #evidence: Uint8Array | undefined;

  constructor(streams: Streams, connection: number, first = 0) {
    this.streams = streams;
    this.connection = connection;
    this.first = first;
    this.offset = this.#base;
  }

  /** Where in its stream the connection began. */
  get #base(): number {
    return this.streams.lengthOf(this.connection, this.first);
  }

  get broken(): boolean {
    return this.#evidence !== undefined;
  }

  /** There is enough to classify the mismatch without waiting for more. */
  get conclusive(): boolean {
    return (this.#evidence?.length ?? 0) >= EVIDENCE;
  }

  /**
   * Takes the next bytes, of a stream of which `allowed` bytes were sent so far. Returns how many of them are
   * right; less than all of them means that the connection is broken from there on.
   */
  take(bytes: Uint8Array, allowed: number): number {
    if (this.#evidence) {
      if (!this.conclusive) this.#evidence = concat(this.#evidence, bytes);
      return 0;
    }
    const length = Math.min(bytes.length, allowed - this.offset);
    const expected = this.streams.expected(this.connection, this.offset, length);
    if (length === bytes.length && sameBytes(bytes, expected, length)) {
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
    const expected = hex(this.streams.expected(this.connection, offset, length));
    return { connection: this.connection, offset: offset - this.#base, kind, expected, actual };
  }

  /** Whether all of `evidence` is our stream from `offset` on. */
  #isOurs(evidence: Uint8Array, offset: number): boolean {
    const place = { connection: this.connection, offset };
    return offset >= this.#base && this.streams.agrees(evidence, 0, evidence.length, place);
  }

  #classify(evidence: Uint8Array, allowed: number): MismatchKind {
    const place = this.streams.locate(evidence, 0, this.offset, this.connection);
    // Of our own stream only what was sent can come back.
    const ours = place?.connection === this.connection;
    if (place && !(ours && place.offset >= allowed)) return this.#classifyPlaced(evidence, place);
    // The first wrong bytes are of no stream: see where, if anywhere, ours goes on.
    for (let at = 1; at < Math.min(evidence.length, SCAN); at++) {
      const next = this.streams.locate(evidence, at, this.offset, this.connection);
      if (next?.connection !== this.connection) continue;
      const missing = next.offset - (this.offset + at);
      if (missing > 0) return "lost";
      if (missing === 0) return "corrupted";
      const start = this.offset - at;
      const repeated = next.offset === this.offset && start >= this.#base &&
        this.streams.agrees(evidence, 0, at, { connection: this.connection, offset: start });
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
    // What an earlier connection has left behind is as foreign as another's.
    if (place.connection !== this.connection || place.offset < this.#base) return "foreign";
    if (place.offset < this.offset) return "duplicated";
    // Bytes from further on came too early: lost, unless the missing ones follow.
    let at = 1;
    while (
      at < evidence.length &&
      this.streams.agrees(evidence, at, 1, { ...place, offset: place.offset + at })
    ) at++;
    for (const end = Math.min(evidence.length, at + SCAN); at < end; at++) {
      const next = this.streams.locate(evidence, at, this.offset, this.connection);
      if (next?.connection !== this.connection || next.offset < this.offset) continue;
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
