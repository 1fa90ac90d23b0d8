/** What must come back for a message: the values of `--expect`. */

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
  /** Bytes that this matches from their beginning, as Latin-1 text; the match is the reply. */
  | { readonly kind: "regex"; readonly source: string; readonly flags: string }
  /** Just these bytes, with the escapes and placeholders of a message. */
  | { readonly kind: "literal"; readonly text: string };
/** TEMP */
export function parseExpectation(text: string): Expectation { return { kind: text as "echo" }; }
