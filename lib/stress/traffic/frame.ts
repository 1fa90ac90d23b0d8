/** Finds where a reply ends whose bytes are not known beforehand. */
import type { Frame } from "../plan/expectation.ts";
import { parseMessage } from "../plan/message.ts";
import { HttpScanner } from "./http.ts";
import type { Scanner } from "./scanner.ts";

/** A scanner for each frame; `head` says that the message asks for an HTTP reply without its body. */
export function scannerOf(frame: Frame, head: boolean): Scanner {
  switch (frame.kind) {
    case "line":
      return new UntilScanner(LINE_END);
    case "bytes":
      return new CountScanner(frame.count);
    case "until":
      return new UntilScanner(endOf(frame)!);
    case "http":
      return new HttpScanner(head);
  }
}

const LINE_END = Uint8Array.of(10);

/** What a frame ends with, where that is always the same. */
export function endOf(frame: Frame): Uint8Array | undefined {
  if (frame.kind === "line") return LINE_END;
  if (frame.kind !== "until") return undefined;
  const text = parseMessage(frame.text);
  const end = new Uint8Array(text.lengthOf(0, 1));
  text.write(end, 0, 0, 0);
  return end;
}

class CountScanner implements Scanner {
  done = false;
  readonly wrong = false;
  readonly #count: number;
  #left: number;

  constructor(count: number) {
    this.#count = this.#left = count;
  }

  scan(bytes: Uint8Array, at: number): number {
    const length = Math.min(this.#left, bytes.length - at);
    this.#left -= length;
    this.done = this.#left === 0;
    return at + length;
  }

  reset(): void {
    this.done = false;
    this.#left = this.#count;
  }
}

/** Ends with a text, which may come in pieces (Knuth, Morris, Pratt). */
class UntilScanner implements Scanner {
  done = false;
  readonly wrong = false;
  readonly #end: Uint8Array;
  /** For each length of a beginning of the text the longest shorter one that it ends with. */
  readonly #shorter: Uint32Array;
  #matched = 0;

  constructor(end: Uint8Array) {
    this.#end = end;
    this.#shorter = new Uint32Array(end.length + 1);
    for (let i = 1, matched = 0; i < end.length; i++) {
      while (matched > 0 && end[i] !== end[matched]) matched = this.#shorter[matched]!;
      if (end[i] === end[matched]) matched++;
      this.#shorter[i + 1] = matched;
    }
  }

  scan(bytes: Uint8Array, at: number): number {
    const end = this.#end;
    for (let i = at; i < bytes.length; i++) {
      if (this.#matched === 0) {
        i = bytes.indexOf(end[0]!, i);
        if (i === -1) return bytes.length;
      }
      while (this.#matched > 0 && bytes[i] !== end[this.#matched]) {
        this.#matched = this.#shorter[this.#matched]!;
      }
      if (bytes[i] === end[this.#matched]) this.#matched++;
      if (this.#matched < end.length) continue;
      this.done = true;
      return i + 1;
    }
    return bytes.length;
  }

  reset(): void {
    this.done = false;
    this.#matched = 0;
  }
}

/** Ends where these bytes do, and is nothing else. */
export class KnownScanner implements Scanner {
  done = false;
  wrong = false;
  readonly #expected: Uint8Array;
  #at = 0;

  constructor(expected: Uint8Array) {
    this.#expected = expected;
  }

  scan(bytes: Uint8Array, at: number): number {
    const expected = this.#expected;
    for (; at < bytes.length && this.#at < expected.length; at++, this.#at++) {
      if (bytes[at] === expected[this.#at]) continue;
      this.wrong = true;
      return at;
    }
    this.done = this.#at === expected.length;
    return at;
  }

  /** What must follow. */
  get required(): Uint8Array {
    return this.#expected.subarray(this.#at);
  }

  reset(): void {
    this.#at = 0;
    this.done = this.wrong = false;
  }
}
