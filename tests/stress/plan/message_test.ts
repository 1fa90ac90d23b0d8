// A message of the user's: what its text means, and the stream that such messages make.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { parseExpectation, parseFrame, showFrame } from "../../../lib/stress/plan/expectation.ts";
import { parseMessage } from "../../../lib/stress/plan/message.ts";
import { MessageWriter } from "../../../lib/stress/traffic/message_writer.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const one = (message: string, connection = 7, seq = 12) =>
  text(new MessageWriter(parseMessage(message)).messages(connection, seq, 1));

function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    expect(error instanceof RangeError).toBe(true);
    return (error as Error).message;
  }
  throw new Error("it was not refused");
}

/** Pieces of a message's text, and what each of them stands for. */
const pieces = fc.array(
  fc.oneof(
    fc.constantFrom("a", "7", " ", "{", "}", "{}", "{x}", "{{", '{"k":1}').map((t) =>
      [t, t] as const
    ),
    fc.constantFrom(["\\r", "\r"], ["\\n", "\n"], ["\\t", "\t"], ["\\0", "\0"], ["\\\\", "\\"]),
    fc.nat(255).map((b) => ["\\x" + b.toString(16).padStart(2, "0"), String.fromCharCode(b)]),
    fc.constantFrom(["é", "\xc3\xa9"], ["€", "\xe2\x82\xac"], ["😀", "\xf0\x9f\x98\x80"]),
    fc.constantFrom(["{conn}", "conn"], ["{seq}", "seq"]),
  ),
  { minLength: 1, maxLength: 8 },
);
/** The obvious way to make a message, to compare with. */
const plainly = (all: readonly (readonly string[])[], connection: number, seq: number) =>
  all.map(([source, value]) =>
    source === "{conn}" ? String(connection) : source === "{seq}" ? String(seq) : value
  ).join("");

describe("a message", () => {
  it("is its bytes, with escapes, UTF-8, and the numbers of its connection and its own", () => {
    expect(one("GET k{conn}.{seq}\\r\\n")).toBe("GET k7.12\r\n");
    expect(one('{"conn":{conn},"{{":"\\x7bseq}"}')).toBe('{"conn":7,"{{":"{seq}"}');
    fc.assert(fc.property(pieces, fc.nat(12_345), fc.nat(2 ** 40), (all, connection, seq) => {
      const source = all.map(([source]) => source).join("");
      fc.pre(
        !/\{(conn|seq)\}/.test(all.map(([s]) => /^\{(conn|seq)\}$/.test(s!) ? "" : s).join("")),
      );
      expect(one(source, connection, seq)).toBe(plainly(all, connection, seq));
    }));
  });

  it("is part of a stream that can be had in any pieces", () => {
    const start = fc.oneof(fc.nat(20), fc.integer({ min: 95, max: 105 }), fc.nat(100_000));
    fc.assert(
      fc.property(
        pieces,
        start,
        fc.nat(8),
        fc.nat(60),
        fc.nat(12),
        (all, first, count, skip, n) => {
          const message = parseMessage(all.map(([source]) => source).join(""));
          const whole = Array.from({ length: count + 1 }, (_, i) => one2(message, first + i)).join(
            "",
          );
          const writer = new MessageWriter(message);
          expect(text(writer.messages(3, first, count + 1))).toBe(whole);
          const begin = message.lengthOf(3, first);
          expect(message.messagesIn(3, begin)).toBe(first);
          expect(message.messagesIn(3, begin + whole.length - 1)).toBe(first + count);
          const from = Math.min(skip, whole.length);
          const part = whole.slice(from, from + n);
          expect(text(writer.bytes(3, begin + from, part.length))).toBe(part);
        },
      ),
    );
  });

  it("has its own length at each number of digits", () => {
    const message = parseMessage("{seq}:{conn}{seq};");
    let length = 0;
    for (let i = 0; i < 11_000; i++) {
      expect(message.lengthOf(42, i)).toBe(length);
      length += String(i).length * 2 + 4;
    }
  });

  const refused: [string, RegExp][] = [
    ["", /^there is nothing in it/],
    ["a\\q", /^"\\q" is no escape; known are \\r \\n \\t \\0 \\\\ and \\xHH$/],
    ["\\x4", /^"\\x4" is no escape: \\x needs two hexadecimal digits$/],
    ["\\xg0", /^"\\xg" is no escape: \\x needs/],
    ["end\\", /^a backslash at its end escapes nothing/],
    ["\\u0041", /^"\\u0?" is no escape/],
  ];
  for (const [source, why] of refused) {
    it(`is refused with a reason: ${JSON.stringify(source)}`, () => {
      expect(refusal(() => parseMessage(source))).toMatch(why);
    });
  }
});

const one2 = (message: ReturnType<typeof parseMessage>, seq: number) =>
  text(new MessageWriter(message).messages(3, seq, 1));

describe("--expect", () => {
  it("is a word, a number of bytes, an expression, or a text", () => {
    for (const kind of ["echo", "upper", "none"] as const) {
      expect(parseExpectation(kind)).toEqual({ kind });
    }
    for (const text of ["line", "bytes:64", "until:END\\r\\n", "http"]) {
      expect(parseExpectation(text)).toEqual({ kind: "frame", frame: parseFrame(text) });
      expect(showFrame(parseFrame(text))).toBe(text);
    }
    const line = { kind: "frame", frame: { kind: "line" } };
    expect(parseExpectation("/a\\/b/"))
      .toEqual({ ...line, regex: { source: "a\\/b", flags: "" } });
    expect(parseExpectation("/OK/i", { kind: "http" }))
      .toEqual({ kind: "frame", frame: { kind: "http" }, regex: { source: "OK", flags: "i" } });
    for (const text of ["+PONG\\r\\n", "ECHO", "/path", "/", "//", "bytes", "{seq}"]) {
      expect(parseExpectation(text)).toEqual({ kind: "literal", text });
    }
  });

  const refused: [string, RegExp][] = [
    ["", /^it is empty/],
    ["bytes:0", /^"bytes:0" has no number of bytes from 1 on/],
    ["bytes:", /^"bytes:" has no number/],
    ["bytes:4k", /^"bytes:4k" has no number/],
    ["bytes:1e3", /has no number/],
    ["until:", /nothing in it/],
    ["until:{seq}", /has a placeholder/],
    ["/(/", /^cannot use \/\(\/ as an expression: Invalid regular expression/],
    ["/usr/bin", /^cannot use \/usr\/bin as an expression: Invalid (regular expression )?flags/],
    ["+OK\\q", /^"\\q" is no escape/],
  ];
  for (const [source, why] of refused) {
    it(`is refused with a reason: ${JSON.stringify(source)}`, () => {
      expect(refusal(() => parseExpectation(source))).toMatch(why);
    });
  }
});
