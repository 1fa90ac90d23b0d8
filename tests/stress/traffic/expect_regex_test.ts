// The expressions of --expect: the same matches as JavaScript's, whatever pieces the bytes come in.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { Regex } from "../../../lib/stress/traffic/regex.ts";

/** What the automaton makes of a text: the match from its beginning, or none. */
function match(regex: Regex, text: string): string | null {
  let state = regex.start;
  let end = -1;
  for (let i = 0; i < text.length && !state.final; i++) {
    state = regex.step(state, text.charCodeAt(i));
    if (state.matched) end = i + 1;
  }
  return end === -1 ? null : text.slice(0, end);
}

const javaScript = (source: string, flags: string, text: string) =>
  new RegExp(source, flags + "y").exec(text)?.[0] ?? null;

/** Expressions of few letters, in which everything happens that can. */
const { source } = fc.letrec<{ source: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(
      "a",
      "b",
      "c",
      ".",
      "[ab]",
      "[^a]",
      "\\w",
      "\\n",
      "\\x61",
      "[a-b\\n]",
      "[^\\W]",
      "\\S",
    ),
    tie("source").map((inner) => `(${inner})`),
    tie("source").map((inner) => `(?:${inner})`),
  ),
  source: fc.oneof(
    { maxDepth: 4 },
    tie("atom"),
    fc.tuple(
      tie("atom"),
      fc.constantFrom("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}"),
    ).map(([atom, quantifier]) => atom + quantifier),
    fc.array(tie("source"), { minLength: 2, maxLength: 3 }).map((all) => all.join("")),
    fc.array(tie("source"), { minLength: 2, maxLength: 3 }).map((all) => all.join("|")),
    tie("source").map((inner) => `(?:|${inner})`),
  ),
}));
const texts = fc.string({ unit: fc.constantFrom("a", "b", "c", "\n", "A", " "), maxLength: 12 });

describe("an expression", () => {
  it("matches as JavaScript's does, with all its preferences", () => {
    let compared = 0;
    fc.assert(
      fc.property(source, fc.constantFrom("", "i", "s"), fc.array(texts), (source, flags, all) => {
        let regex: Regex;
        try {
          regex = new Regex(source, flags);
        } catch (error) {
          // It matches the empty text, and so it does in JavaScript where nothing else is there.
          expect((error as Error).message).toBe("it matches a reply without a byte");
          expect(javaScript(source, flags, "")).toBe("");
          return;
        }
        for (const text of all) {
          expect([source, text, match(regex, text)]).toEqual([
            ...[source, text, javaScript(source, flags, text)],
          ]);
          compared++;
        }
      }),
      { numRuns: 1000 },
    );
    expect(compared > 1000).toBe(true);
  });

  it("knows every byte as JavaScript does", () => {
    const classes = [
      ".",
      "\\w",
      "\\W",
      "\\d",
      "\\D",
      "\\s",
      "\\S",
      "[^]",
      "[\\b\\t]",
      "[\\w-z]",
      "[^-a]",
    ];
    const escapes = [
      "\\cJ",
      "\\v",
      "\\f",
      "\\0",
      "\\u00e9",
      "\\xdf",
      "[\\xe0-\\xfe]",
      "k",
      "[^K]",
      "\\/",
    ];
    for (const one of [...classes, ...escapes]) {
      for (const flags of ["", "i", "s"]) {
        const regex = new Regex(one, flags);
        for (let byte = 0; byte < 256; byte++) {
          const text = String.fromCharCode(byte);
          expect([one, flags, byte, match(regex, text)]).toEqual([
            ...[one, flags, byte, javaScript(one, flags, text)],
          ]);
        }
      }
    }
  });

  it("says at the first byte that none matches", () => {
    const regex = new Regex("\\+(?:PONG|OK)\\r\\n", "");
    let state = regex.start;
    for (const char of "+PO") {
      expect((state = regex.step(state, char.charCodeAt(0))).final).toBe(false);
    }
    expect(Buffer.from(regex.required(state, 16)).toString()).toBe("NG\r\n");
    state = regex.step(state, 0x21);
    expect([state.matched, state.final]).toEqual([false, true]);
  });

  it("is final where more bytes change nothing, and not where they can", () => {
    const finals: [string, string, boolean][] = [
      ["a*b", "aab", true],
      ["a+", "aa", false],
      ["a+?", "a", true],
      ["[^]*?\\r\\n\\r\\nhello", "x\r\n\r\nhello", true],
      ["ab|a", "a", false],
      ["a|ab", "a", true],
      ["^\\+PONG\\r\\n$", "+PONG\r\n", true],
    ];
    for (const [source, text, final] of finals) {
      const regex = new Regex(source, "");
      let state = regex.start;
      for (const char of text) state = regex.step(state, char.charCodeAt(0));
      expect([source, state.matched, state.final]).toEqual([source, true, final]);
    }
  });

  it("takes time by the bytes where a backtracking one takes forever", () => {
    const regex = new Regex("(?:a+)+b", "");
    expect(match(regex, "a".repeat(100_000))).toBe(null);
    // And has many states, of which it keeps some.
    const wide = new Regex("[ab]*a[ab]{14}c", "");
    let text = "";
    for (let i = 0, n = 1; i < 20_000; i++, n = n * 1103515245 + 12345 & 0x7fffffff) {
      text += n & 64 ? "a" : "b";
    }
    expect(match(wide, text)).toBe(null);
    expect(match(wide, text + "a".repeat(15) + "c")!.length).toBe(20_016);
  });
});

describe("an expression that can't be used", () => {
  const refused: [string, string, RegExp][] = [
    ["(", "", /^Invalid regular expression/],
    ["a*", "", /^it matches a reply without a byte$/],
    ["(?=a)b", "", /^\(\?=…\) is not supported/],
    ["(?<!a)b", "", /^\(\?<!…\) is not supported/],
    ["(a)\\1", "", /^\\1 is not supported/],
    ["a\\b", "", /^\\b is not supported/],
    ["é", "", /^"é" is more than one byte: write \\xc3\\xa9$/],
    ["a", "g", /^the flag "g" is not supported; i and s are$/],
    ["(?:a{1000}){1000}", "", /repeats too much.*bytes:N/],
    ["$a", "", /^nothing matches it$/],
    ["[]", "", /^nothing matches it$/],
  ];
  for (const [source, flags, message] of refused) {
    it(`/${source}/${flags} is refused by name`, () => {
      let said = "";
      try {
        new Regex(source, flags);
      } catch (error) {
        expect(error instanceof RangeError).toBe(true);
        said = (error as Error).message;
      }
      expect(said).toMatch(message);
    });
  }
});
