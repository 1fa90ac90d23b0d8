/** The streams that connections must receive when every reply follows from a message of the user's. */
import type { Message } from "../plan/message.ts";
import { MessageWriter } from "./message_writer.ts";
import type { Place } from "./oracle.ts";
import type { Streams } from "./verifier.ts";

/** How far a message is looked for around wrong bytes, for at most this many of them. */
const LOOK = 512;

/**
 * A message with numbers in it says which one it is, so it can be found again: lost, duplicated,
 * reordered or foreign. One without is the same as all others, and only the number of bytes says something.
 */
export class MessageStreams implements Streams {
  readonly #message: Message;
  readonly #connections: number;
  readonly #writer: MessageWriter;

  /** Of as many connections as have numbers. */
  constructor(message: Message, connections: number) {
    this.#message = message;
    this.#connections = connections;
    this.#writer = new MessageWriter(message);
  }

  lengthOf(connection: number, messages: number): number {
    return this.#message.lengthOf(connection, messages);
  }

  messagesIn(connection: number, bytes: number): number {
    return this.#message.messagesIn(connection, bytes);
  }

  expected(connection: number, offset: number, length: number): Uint8Array {
    return this.#writer.bytes(connection, offset, length);
  }

  agrees(bytes: Uint8Array, at: number, length: number, place: Place): boolean {
    if (at + length > bytes.length) return false;
    const expected = this.expected(place.connection, place.offset, length);
    for (let i = 0; i < length; i++) if (bytes[at + i] !== expected[i]) return false;
    return true;
  }

  locate(bytes: Uint8Array, at: number, offset: number, connection: number): Place | undefined {
    if (this.#message.fixed) return undefined;
    const own = this.#message.messagesIn(connection, offset + at);
    return (at === 0 ? this.#locateFirst(bytes, offset, connection) : undefined) ??
      this.#locateAround(bytes, at, connection, own);
  }

  /** The wrong bytes may be those of a message whose begin was as it had to be. */
  #locateFirst(bytes: Uint8Array, offset: number, connection: number): Place | undefined {
    const own = this.#message.messagesIn(connection, offset);
    const start = this.lengthOf(connection, own);
    const right = this.expected(connection, start, offset - start);
    const joined = new Uint8Array(right.length + Math.min(bytes.length, right.length + LOOK * 2));
    joined.set(right);
    joined.set(bytes.subarray(0, joined.length - right.length), right.length);
    const found = this.#read(joined, 0, connection, own);
    if (!found || found.end <= right.length) return undefined;
    return this.#place(found, right.length);
  }

  /** A message that goes over the place, or one that begins after it, whose predecessor ends there. */
  #locateAround(
    bytes: Uint8Array,
    at: number,
    connection: number,
    own: number,
  ): Place | undefined {
    for (let back = 0; back <= Math.min(at, LOOK); back++) {
      const found = this.#read(bytes, at - back, connection, own);
      if (found && found.end > at) return this.#place(found, back);
    }
    for (let ahead = 1; ahead < Math.min(bytes.length - at, LOOK); ahead++) {
      const found = this.#read(bytes, at + ahead, connection, own);
      if (!found) continue;
      const place = this.#place(found, -ahead);
      return place.offset >= 0 && this.agrees(bytes, at, ahead, place) ? place : undefined;
    }
    return undefined;
  }

  #place({ conn, seq }: Found, within: number): Place {
    return { connection: conn, offset: this.lengthOf(conn, seq) + within };
  }

  /** A whole message at `at`. What it does not say is taken to be `connection` and `own`. */
  #read(bytes: Uint8Array, at: number, connection: number, own: number): Found | undefined {
    const { message } = this;
    const found = readParts(bytes, at, message.parts, 0, undefined, undefined);
    if (!found || (found.conn ?? 0) >= this.#connections) return undefined;
    // All of a connection's messages are the same: this one says nothing.
    if (!message.has("seq") && found.conn === connection) return undefined;
    return { conn: found.conn ?? connection, seq: found.seq ?? own, end: found.end };
  }

  get message(): Message {
    return this.#message;
  }
}

/** A message that was read, and where it ends. */
interface Found {
  readonly conn: number;
  readonly seq: number;
  readonly end: number;
}

type Numbers = { conn: number | undefined; seq: number | undefined; end: number };

/** More digits than any number has that can be counted to. */
const MOST_DIGITS = 15;

/** Reads the parts of a message from number `part` on. Numbers that touch are split as they must be. */
function readParts(
  bytes: Uint8Array,
  at: number,
  parts: Message["parts"],
  part: number,
  conn: number | undefined,
  seq: number | undefined,
): Numbers | undefined {
  if (part === parts.length) return { conn, seq, end: at };
  const next = parts[part]!;
  if (typeof next !== "string") {
    for (let i = 0; i < next.length; i++) if (bytes[at + i] !== next[i]) return undefined;
    return readParts(bytes, at + next.length, parts, part + 1, conn, seq);
  }
  let end = at;
  while (end - at < MOST_DIGITS && bytes[end]! >= 48 && bytes[end]! <= 57) end++;
  if (bytes[at] === 48) end = Math.min(end, at + 1); // no number but 0 begins with it
  const known = next === "conn" ? conn : seq;
  for (; end > at; end--) {
    let n = 0;
    for (let i = at; i < end; i++) n = n * 10 + bytes[i]! - 48;
    if (known !== undefined && known !== n) continue;
    const found = next === "conn"
      ? readParts(bytes, end, parts, part + 1, n, seq)
      : readParts(bytes, end, parts, part + 1, conn, n);
    if (found) return found;
  }
  return undefined;
}
