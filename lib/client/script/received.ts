/** What has come and no step of a script has expected yet. */
import { latin1 } from "../../text/bytes.ts";
import type { Expected } from "./parse.ts";

/** What errors show of what came: its last part. */
export const SHOWN = 256;
/** What an expression looks at at once, as match_max of expect(1): matching may take its square. */
const WINDOW = 4096;
/** A match that ends so near to the end of that is looked at again, with more behind it. */
const BORDER = 1024;
/** How long it looks at one part after the other before signals, and the time of a step, get their turn. */
const LOOK_MS = 10;

/** Bytes as text, as far as a step can still want them, or an error shows them. */
export class Received {
  /** A character for each byte. */
  #text = "";
  /** How much of it the running step has seen in vain. */
  #seen = 0;
  /** Where a match can begin: behind what an expression has passed, whose last byte tells ^ and \b what is in front. */
  #from = 0;
  /** The last look has left some out, for the next one. */
  isBehind = false;

  /** How many bytes no step has looked at. */
  get waiting(): number {
    return this.#text.length - this.#seen;
  }
  /** What an error shows, and a character more where that is not all. */
  get last(): string {
    return this.#text.slice(-SHOWN - 1);
  }

  /** Bytes are lent. */
  add(bytes: Uint8Array): void {
    this.#text += latin1(bytes);
  }

  /** Takes what is expected, with all before it; false while it is not there. */
  take(expected: Exclude<Expected, "end">): boolean {
    const end = "bytes" in expected
      ? this.#endOf(latin1(expected.bytes))
      : this.#endOfMatch(expected.pattern);
    if (end === undefined) return false;
    this.#text = this.#text.slice(end);
    this.#seen = this.#from = 0;
    this.isBehind = false;
    return true;
  }

  /** No step wants any of it but its last bytes. */
  pass(kept = 0): void {
    this.#text = this.#text.slice(-Math.max(kept, SHOWN + 1));
    this.#seen = this.#text.length;
  }

  #endOf(wanted: string): number | undefined {
    const at = this.#text.indexOf(wanted);
    if (at >= 0) return at + wanted.length;
    this.pass(wanted.length - 1);
    return undefined;
  }

  /** The expression has the flag g: it begins at its lastIndex, and leaves there where the match ends. */
  #endOfMatch(pattern: RegExp): number | undefined {
    this.isBehind = true;
    const deadline = performance.now() + LOOK_MS;
    do {
      const end = this.#from + WINDOW;
      pattern.lastIndex = this.#from;
      const match = pattern.exec(this.#text.slice(0, end));
      if (match) {
        const isNearBorder = pattern.lastIndex > end - BORDER && this.#text.length > end;
        if (!isNearBorder || match.index === this.#from) return pattern.lastIndex;
        this.#slide(match.index); // what follows may make it longer, or none
        continue;
      }
      if (this.#text.length < end) {
        this.isBehind = false;
        this.#seen = this.#text.length;
        return undefined;
      }
      // A match may begin in the second half.
      this.#slide(end - WINDOW / 2);
    } while (performance.now() < deadline);
    return undefined;
  }

  /** A match can begin there, and not before. */
  #slide(at: number): void {
    this.#text = this.#text.slice(at - 1);
    this.#from = 1;
    this.#seen = 0;
  }
}
