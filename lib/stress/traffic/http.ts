/** Finds where an HTTP/1.x response ends (RFC 9112): by Content-Length, chunked, at once, or at the close. */
import { latin1 } from "../../text/bytes.ts";
import type { Scanner } from "./scanner.ts";

/** A longer head is none. */
const MOST_HEAD = 64 * 1024;
const VERSION = new TextEncoder().encode("HTTP/1.");
const NOTHING = new Uint8Array(0);
const LF = 10, CR = 13;
const CONTENT_LENGTH = "content-length", CONNECTION = "connection", ENCODING = "transfer-encoding";

/** Where in a response the next byte belongs. */
type Phase = "head" | "counted" | "until close" | "chunk size" | "chunk" | "chunk end" | "trailer";

/** One response; interim ones (1xx) before it are part of it. */
export class HttpScanner implements Scanner {
  done = false;
  wrong = false;
  status = 0;
  closes = false;
  before: Uint8Array | undefined;
  readonly #withoutBody: boolean;
  #phase: Phase = "head";
  /** What has come of a head that is not complete. */
  #head: Uint8Array = NOTHING;
  /** What the head says of the body; no length is -1. */
  #length = -1;
  #chunked = false;
  /** Bytes of the body, or of the chunk, that are to come. */
  #left = 0;
  /** Digits of a chunk's size, or bytes of a line of the trailer, so far. */
  #digits = 0;
  /** After a chunk's size an extension may follow, which means nothing here. */
  #extension = false;

  /** `head`: the request was a HEAD, whose response has no body whatever its length says. */
  constructor(head: boolean) {
    this.#withoutBody = head;
  }

  get required(): Uint8Array {
    return this.#phase === "head" ? VERSION.subarray(this.#head.length) : NOTHING;
  }

  get untilClose(): boolean {
    return this.#phase === "until close";
  }

  scan(bytes: Uint8Array, at: number): number {
    while (at < bytes.length && !this.done && !this.wrong) at = this.#step(bytes, at);
    return at;
  }

  #step(bytes: Uint8Array, at: number): number {
    switch (this.#phase) {
      case "head":
        return this.#takeHead(bytes, at);
      case "until close":
        return bytes.length;
      case "counted":
      case "chunk": {
        const length = Math.min(this.#left, bytes.length - at);
        this.#left -= length;
        if (this.#left > 0) return at + length;
        if (this.#phase === "chunk") this.#phase = "chunk end";
        else this.done = true;
        return at + length;
      }
      case "chunk size":
        return this.#takeSize(bytes[at]!, at);
      case "chunk end":
        if (bytes[at] === LF) this.#expectSize();
        else if (bytes[at] !== CR) this.wrong = true;
        return this.wrong ? at : at + 1;
      case "trailer":
        if (bytes[at] === LF) {
          if (this.#digits === 0) this.done = true;
          this.#digits = 0;
        } else if (bytes[at] !== CR) this.#digits++;
        return at + 1;
    }
  }

  #expectSize(): void {
    this.#phase = "chunk size";
    this.#left = this.#digits = 0;
    this.#extension = false;
  }

  #takeSize(byte: number, at: number): number {
    if (byte === LF && this.#digits > 0) {
      this.#digits = 0;
      this.#phase = this.#left > 0 ? "chunk" : "trailer";
    } else if (!this.#extension && byte !== CR) {
      const digit = Number.parseInt(String.fromCharCode(byte), 16);
      if (digit >= 0) {
        this.#left = this.#left * 16 + digit;
        this.#digits++;
        this.wrong = !Number.isSafeInteger(this.#left);
      } else if (this.#digits > 0 && (byte === 59 || byte === 32 || byte === 9)) {
        this.#extension = true;
      } else this.wrong = true;
    }
    return this.wrong ? at : at + 1;
  }

  #takeHead(bytes: Uint8Array, at: number): number {
    const before = this.#head.length;
    for (let i = at; i < bytes.length && before + i - at < VERSION.length; i++) {
      if (bytes[i] === VERSION[before + i - at]) continue;
      this.wrong = true;
      this.#head = VERSION.subarray(0, before + i - at);
      return i;
    }
    const joined = before === 0 ? bytes.subarray(at) : join(this.#head, bytes.subarray(at));
    const end = endOfHead(joined, Math.max(0, before - 3));
    const lines = end === -1 ? joined.lastIndexOf(LF) + 1 : end;
    const bad = lines > before ? this.#read(latin1(joined.subarray(0, lines))) : -1;
    if (bad !== -1 || (end === -1 && joined.length > MOST_HEAD)) {
      this.wrong = true;
      this.#head = joined;
      if (bad !== -1 && bad < before) this.before = joined.subarray(bad, before);
      return at + Math.max(0, bad - before);
    }
    if (end === -1) {
      this.#head = before === 0 ? joined.slice() : joined;
      return bytes.length;
    }
    this.#head = NOTHING;
    this.#begin();
    return at + end - before;
  }

  /** Takes the lines of a head; returns where the first one begins that can't be one, else -1. */
  #read(head: string): number {
    this.#length = -1;
    this.#chunked = false;
    for (let from = 0, end: number; (end = head.indexOf("\n", from)) !== -1; from = end + 1) {
      if (!(from === 0 ? this.#takeStatus(head) : this.#takeField(head, from, end))) return from;
    }
    return -1;
  }

  #takeStatus(head: string): boolean {
    const [, minor, status] = /^HTTP\/1\.([01]) (\d{3})[ \r\n]/.exec(head) ?? [];
    this.status = Number(status);
    this.closes = minor === "0";
    return status !== undefined;
  }

  /** A field that says where the body ends must be right; of others the name is enough. */
  #takeField(head: string, from: number, end: number): boolean {
    const first = head.charCodeAt(from);
    // The end of the head, or what goes on with the line before.
    if (first === LF || first === CR || first === 32 || first === 9) return true;
    const colon = head.indexOf(":", from);
    if (colon === -1 || colon > end) return false;
    const length = colon - from;
    if (
      length !== CONTENT_LENGTH.length && length !== CONNECTION.length && length !== ENCODING.length
    ) {
      return length > 0;
    }
    const [name, value] = [
      head.slice(from, colon).toLowerCase(),
      head.slice(colon + 1, end).trim(),
    ];
    if (name === CONTENT_LENGTH) return this.#takeLength(value);
    if (name === CONNECTION) {
      if (/\bclose\b/i.test(value)) this.closes = true;
      else if (/\bkeep-alive\b/i.test(value)) this.closes = false;
    } else if (name === ENCODING) this.#chunked ||= /\bchunked\b/i.test(value);
    return true;
  }

  /** It may be there twice, if it is the same. */
  #takeLength(text: string): boolean {
    const length = /^\d+$/.test(text) ? Number(text) : NaN;
    const known = this.#length === -1 || this.#length === length;
    this.#length = length;
    return known && Number.isSafeInteger(length);
  }

  /** The head is complete: what follows it? */
  #begin(): void {
    if (this.status < 200 && this.status !== 101) return; // an interim one: another head follows
    if (this.#withoutBody || this.status === 204 || this.status === 304) this.done = true;
    else if (this.#chunked) this.#expectSize();
    else if (this.#length !== -1) {
      this.#left = this.#length;
      this.#phase = "counted";
      this.done = this.#left === 0;
    } else {
      this.#phase = "until close";
      this.closes = true;
    }
  }

  reset(): void {
    this.done =
      this.wrong =
      this.closes =
      this.#extension =
        false;
    this.status = this.#left = this.#digits = 0;
    this.#phase = "head";
    this.#head = NOTHING;
    this.before = undefined;
  }
}

/** Where the empty line after the fields ends; -1 when it has not come. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LF, from); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
