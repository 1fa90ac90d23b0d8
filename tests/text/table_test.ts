// Rows and tables for a terminal: no line is wider than it may be, and no word is lost.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { rows, tied, wrap } from "../../lib/text/layout.ts";
import { drawTable } from "../../lib/text/table.ts";
import { briefDuration, plural } from "../../lib/text/words.ts";

const words = (text: string) => text.split(/\s+/).filter((word) => word !== "");

describe("wrap()", () => {
  it("ends lines between words, and loses none", () => {
    const word = fc.string({ minLength: 1, maxLength: 9 }).filter((text) =>
      !/[\s\u00a0]/.test(text)
    );
    fc.assert(fc.property(fc.array(word), fc.integer({ min: 12, max: 40 }), (all, width) => {
      const text = all.join(" ");
      const lines = wrap(text, width);
      expect(words(lines.join(" "))).toEqual(words(text));
      for (const line of lines) {
        expect(line.length <= width || /\d (us|ms|s|B|[KMG]iB|%)/.test(line)).toBe(true);
      }
    }));
  });

  it("leaves a number on the line of its unit, and tied words together", () => {
    expect(wrap("up to 98.1 us each", 8)).toEqual(["up to", "98.1 us", "each"]);
    expect(wrap(`one ${tied("two three")} four`, 9)).toEqual(["one", "two three", "four"]);
    expect(wrap("ok      p99<5ms: 3", 80)).toEqual(["ok      p99<5ms: 3"]);
    expect(wrap("", 10)).toEqual([""]);
  });
});

describe("rows()", () => {
  it("has the name beside the first line, and further lines below the text", () => {
    expect(
      rows([["limited by", "one two three four five"], ["verdict", "pass"]], {
        width: 32,
        name: 12,
      }),
    ).toBe(
      "limited by  one two three four\n            five\nverdict     pass\n",
    );
  });
});

describe("drawTable()", () => {
  const table = {
    head: ["profile", "", "expected", "time"],
    rows: [
      ["half-close", "pass", "every reply, then FIN, and nothing else whatever comes", "5.2 ms"],
      ["reset", "FAIL", "goes on serving others", "12 ms"],
    ],
  };

  it("is as wide as it is, where there is room", () => {
    const lines = drawTable(table, 200).trimEnd().split("\n");
    expect(lines.length).toBe(3);
    expect(lines[1]).toMatch(/^half-close {2}pass {2}every reply.*comes {2}5\.2 ms$/);
    expect(lines[2]).toMatch(/ {3}12 ms$/); // numbers are aligned to the right
  });

  it("wraps its widest cells where there is not, and loses no word", () => {
    for (const width of [40, 50, 60, 80]) {
      const text = drawTable(table, width);
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
      const all = [table.head, ...table.rows].flat().flatMap(words);
      expect(words(text).toSorted()).toEqual(all.toSorted());
    }
  });
});

describe("a table without rows", () => {
  it("is its head, whatever columns have no name", () => {
    expect(drawTable({ head: ["profile", "", "time"], rows: [] }, 80)).toBe("profile    time\n");
  });
});

describe("numbers in sentences", () => {
  it("have no zeros at their end, and a noun that fits", () => {
    expect([5000, 1500, 0.4, 12.34, 100_000].map(briefDuration)).toEqual([
      ...["5 s", "1.5 s", "400 us", "12.3 ms", "100 s"],
    ]);
    expect([plural(1, "thread"), plural(1234, "thread")]).toEqual(["1 thread", "1,234 threads"]);
  });
});
