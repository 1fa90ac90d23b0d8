/** What must come back for a message: the values of `--expect`. */

import { parseMessage } from "../traffic/message.ts";
import { Regex } from "../traffic/regex.ts";

/** One of them. */
export type Expectation =
  /** The message itself. */
  | { readonly kind: "echo" }
  /** The message in upper case (ASCII). */
  | { readonly kind: "upper" }
  /** Nothing: replies are not awaited, and what comes is not looked at. */
  | { readonly kind: "none" }
  /** Any bytes up to and including a line feed. */
  | { readonly kind: "line" }
  /** This many bytes, whatever they are. */
  | { readonly kind: "bytes"; readonly count: number }
  /** Bytes that this matches from their beginning, each of them a character; the match is the reply. */
  | { readonly kind: "regex"; readonly source: string; readonly flags: string }
  /** Just these bytes, with the escapes and placeholders of a message. */
  | { readonly kind: "literal"; readonly text: string };

const WORDS = ["echo", "upper", "none", "line"] as const;

/**
 * Reads the text of `--expect`.
 * @throws RangeError for a number of bytes, an expression or an escape that can't be meant
 */
export function parseExpectation(text: string): Expectation {
  const word = WORDS.find((word) => word === text);
  if (word) return { kind: word };
  const count = /^bytes:(.*)$/s.exec(text)?.[1];
  if (count !== undefined) return { kind: "bytes", count: parseCount(count) };
  const [, source, flags = ""] = /^\/(.+)\/(\w*)$/s.exec(text) ?? [];
  if (source !== undefined) {
    try {
      new Regex(source, flags);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`cannot use ${text} as an expression: ${error.message}`);
    }
    return { kind: "regex", source, flags };
  }
  if (text === "") throw new RangeError("it is empty; for no reply at all there is none");
  parseMessage(text);
  return { kind: "literal", text };
}

function parseCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new RangeError(`"bytes:${text}" has no number of bytes from 1 on, as bytes:64`);
}
