/** The steps of a script, one a line. */
import { latin1 } from "../../text/bytes.ts";
import { parseDuration } from "../../text/units.ts";

/** What a step expects: a text, an expression, or the peer's end. */
export type Expected = { readonly bytes: Uint8Array } | { readonly pattern: RegExp } | "end";

type Action =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  | { readonly kind: "expect"; readonly expected: Expected; readonly withinMs: number }
  | { readonly kind: "sleep"; readonly ms: number }
  | { readonly kind: "close" };

/** A step, with the number and the text of its line. */
export type Step = { readonly line: number; readonly text: string } & Action;

/** A script that can't be understood: which line, and why. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
  }
}

/** How long a step expects what it has no time for. */
const WITHIN_MS = 5000;

/**
 * Reads a script. Empty lines and those that begin with "#" are none of it.
 *
 *     send "EHLO me\r\n"
 *     expect "250 " 2s
 *     expect /^250 (.*)$/m
 *     sleep 100ms
 *     close
 *     expect end
 *
 * @throws ScriptError
 */
export function parseScript(source: string): Step[] {
  let closed = 0;
  return source.split(/\r?\n/).flatMap((raw, index) => {
    const text = raw.trim();
    if (text === "" || text.startsWith("#")) return [];
    try {
      const step = parseStep(text);
      if (closed > 0 && (step.kind === "send" || step.kind === "close")) {
        throw new Error(`nothing can be sent any more: line ${closed} is "close"`);
      }
      if (step.kind === "close") closed = index + 1;
      return [{ line: index + 1, text, ...step }];
    } catch (error) {
      throw new ScriptError(index + 1, (error as Error).message);
    }
  });
}

function parseStep(text: string): Action {
  const [, word = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(text)!;
  if (word === "send") {
    const [bytes, after] = quoted(rest, 'send "TEXT"');
    if (after !== "") throw new Error(`nothing may follow the text to send: ${after}`);
    return { kind: "send", bytes };
  }
  if (word === "expect") return parseExpect(rest);
  if (word === "sleep") return { kind: "sleep", ms: parseDuration(rest) };
  if (word === "close") {
    if (rest !== "") throw new Error(`"close" stands alone: ${rest}`);
    return { kind: "close" };
  }
  throw new Error(`unknown step "${word}"; there are send, expect, sleep and close`);
}

function parseExpect(rest: string): Action {
  const usage = 'expect "TEXT" [DUR], expect /REGEX/ [DUR] or expect end [DUR]';
  const [expected, after] = ((): [Expected, string] => {
    const end = /^end(?:\s+(.*))?$/.exec(rest);
    if (end) return ["end", end[1] ?? ""];
    const regex = /^\/((?:[^/\\]|\\.)+)\/([a-z]*)\s*(.*)$/.exec(rest);
    if (!regex) {
      const [bytes, behind] = quoted(rest, usage);
      if (bytes.length === 0) throw new Error("an empty text is always there");
      return [{ bytes }, behind];
    }
    // Bytes are looked at as characters of one byte each, so the expression's are made so, too.
    const source = latin1(new TextEncoder().encode(regex[1]!));
    return [{ pattern: new RegExp(source, regex[2]!.replace(/[gy]/g, "") + "g") }, regex[3]!];
  })();
  return { kind: "expect", expected, withinMs: after === "" ? WITHIN_MS : parseDuration(after) };
}

const ESCAPES: Readonly<Record<string, number>> = { r: 13, n: 10, t: 9, 0: 0, "\\": 92, '"': 34 };

function quoted(text: string, usage: string): [bytes: Uint8Array, after: string] {
  if (!text.startsWith('"')) throw new Error(`use ${usage}`);
  const parts: Uint8Array[] = [];
  for (const part of text.slice(1).matchAll(/(")|\\x([0-9a-fA-F]{2})|\\(.?)|([^"\\]+)/gs)) {
    const [, end, hex, letter, plain] = part;
    if (end) return [new Uint8Array(Buffer.concat(parts)), text.slice(part.index + 2).trim()];
    if (plain !== undefined) parts.push(new TextEncoder().encode(plain));
    else parts.push(Uint8Array.of(hex !== undefined ? parseInt(hex, 16) : escaped(letter!)));
  }
  throw new Error(`use ${usage}`);
}

function escaped(letter: string): number {
  const byte = ESCAPES[letter];
  if (byte !== undefined) return byte;
  throw new Error(`"\\${letter}" is no escape; there are \\r \\n \\t \\0 \\xHH \\" and \\\\`);
}
