// Columns that text takes, rows on narrow terminals, and the text of others (table_test.ts has the rest).
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { escapeControls } from "../../lib/text/escape.ts";
import { pad, padStart, rows, widthOf } from "../../lib/text/layout.ts";

const ESCAPE = String.fromCodePoint(27);

describe("widthOf()", () => {
  it("counts columns: colours take none, wide characters two, marks none", () => {
    expect(widthOf("hello")).toBe(5);
    expect(widthOf(`${ESCAPE}[1mhello${ESCAPE}[0m`)).toBe(5);
    expect(widthOf("选择器")).toBe(6);
    expect(widthOf("e\u0301a")).toBe(2);
    expect(widthOf("±…▏")).toBe(3);
    expect([widthOf(pad("选", 5)), widthOf(padStart("选", 5)), pad("long", 2)]).toEqual([
      5,
      5,
      "long",
    ]);
  });
});

describe("rows()", () => {
  it("wrap the text beside the name, and below it where that is too long or the terminal narrow", () => {
    expect(rows([["a", "one two three four five six seven"], ["bcd", "x"]], { width: 26 })).toBe(
      "a    one two three four\n     five six seven\nbcd  x\n",
    );
    expect(rows([["a-very-long-name", "one two three four five six"]], { width: 40, name: 6 }))
      .toBe("a-very-long-name\n      one two three four five six\n");
    expect(rows([["long-name", "fits"]], { width: 40, name: 6 })).toBe("long-name  fits\n");
    expect(rows([["name", "one two three"]], { width: 15 })).toBe("name\n    one two\n    three\n");
    // A name that is too long itself, and a text with a word that is too long beside the name.
    expect(rows([["--one A, --two B", "x"]], { width: 12 })).toBe("--one A,\n    --two B\n    x\n");
    expect(rows([["a", "a-very-very-long-word here"], ["b", "x"]], { width: 28, name: 8 }))
      .toBe("a\n    a-very-very-long-word\n    here\nb       x\n");
  });
});

describe("escapeControls()", () => {
  it("shows what would forge a line, colour a terminal or turn text around", () => {
    expect(escapeControls(`a\nb\r\t\0${ESCAPE}[2J`)).toBe("a\\nb\\r\\t\\0\\e[2J");
    expect(escapeControls("\u009b\u202e\ud800")).toBe("\\x9b\\u{202e}\\u{d800}");
    expect(escapeControls("plain ± 选 {braces} 😀")).toBe("plain ± 选 {braces} 😀");
  });

  it("leaves no control character in any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(/\p{Cc}|\p{Surrogate}/u.test(escapeControls(text))).toBe(false);
    }));
  });
});
