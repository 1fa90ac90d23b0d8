/** What must come back for a message, and where a reply ends: the values of `--expect` and `--frame`. */
import { didYouMean } from "../../text/nearest.ts";
import { parseMessage } from "./message.ts";

/** Where a reply of unknown bytes ends. */
export type Frame =
  | { readonly kind: "line" }
  | { readonly kind: "bytes"; readonly count: number }
  /** With this text, which has the escapes of a message. */
  | { readonly kind: "until"; readonly text: string }
  /** As HTTP/1.1 says: by Content-Length, chunked, or without a body (RFC 9112, section 6). */
  | { readonly kind: "http" };

export type Expectation =
  | { readonly kind: "echo" }
  /** The message in upper case (ASCII). */
  | { readonly kind: "upper" }
  /** Nothing: replies are not awaited, and what comes is not looked at. */
  | { readonly kind: "none" }
  /** Exactly these bytes, with the escapes and placeholders of a message. */
  | { readonly kind: "literal"; readonly text: string }
  /** One frame; with an expression, one that it matches. */
  | { readonly kind: "frame"; readonly frame: Frame; readonly regex?: Expression };

export interface Expression {
  readonly source: string;
  readonly flags: string;
}

/** Whether an expression judges replies, for which a frame says where they end. */
export const isJudged = (expectation: Expectation | null): boolean =>
  expectation?.kind === "frame" && expectation.regex !== undefined;

const WORDS = ["echo", "upper", "none"] as const;
const LINE: Frame = { kind: "line" };

/**
 * Reads the text of `--expect`; `frame` is where replies end that an expression judges.
 * @throws RangeError for a number of bytes, an expression or an escape that can't be meant
 */
export function parseExpectation(text: string, frame: Frame = LINE): Expectation {
  const word = WORDS.find((word) => word === text);
  if (word) return { kind: word };
  const framed = frameIn(text);
  if (framed) return { kind: "frame", frame: framed };
  const [, source, flags = ""] = /^\/(.+)\/(\w*)$/s.exec(text) ?? [];
  if (source !== undefined) {
    try {
      new RegExp(source, flags);
    } catch (error) {
      throw new RangeError(`cannot use ${text} as an expression: ${(error as Error).message}`);
    }
    return { kind: "frame", frame, regex: { source, flags } };
  }
  if (text === "") throw new RangeError("it is empty; for no reply at all there is none");
  parseMessage(text);
  return { kind: "literal", text };
}

/** Reads the text of `--frame`. @throws RangeError */
export function parseFrame(text: string): Frame {
  const frame = frameIn(text);
  if (frame) return frame;
  const hint = didYouMean(text, ["line", "bytes:", "until:", "http"]);
  throw new RangeError(`"${text}" is none of line, bytes:N, until:TEXT and http${hint}`);
}

function frameIn(text: string): Frame | undefined {
  if (text === "line" || text === "http") return { kind: text };
  const [, kind, rest = ""] = /^(bytes|until):(.*)$/s.exec(text) ?? [];
  if (kind === "bytes") return { kind, count: parseCount(rest) };
  if (kind !== "until") return undefined;
  if (!parseMessage(rest).fixed) {
    throw new RangeError(`"${text}" has a placeholder: a reply ends with the same text each time`);
  }
  return { kind: "until", text: rest };
}

function parseCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new RangeError(`"bytes:${text}" has no number of bytes from 1 on, as bytes:64`);
}

/** A frame as `--frame` has it. */
export function showFrame(frame: Frame): string {
  if (frame.kind === "bytes") return `bytes:${frame.count}`;
  return frame.kind === "until" ? `until:${frame.text}` : frame.kind;
}

/** An expectation as `--expect` and `--frame` have it. */
export function showExpectation(expectation: Expectation): { expect: string; frame?: string } {
  if (expectation.kind === "literal") return { expect: expectation.text };
  if (expectation.kind !== "frame") return { expect: expectation.kind };
  const { regex, frame } = expectation;
  return regex
    ? { expect: `/${regex.source}/${regex.flags}`, frame: showFrame(frame) }
    : { expect: showFrame(frame) };
}
