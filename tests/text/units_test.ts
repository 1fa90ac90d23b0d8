// Sizes, durations and counts: what is understood, what is not, and that showing loses little.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
  formatCount,
  formatDuration,
  formatRate,
  formatSize,
  parseBandwidth,
  parseCount,
  parseDuration,
  parsePercent,
  parseSize,
  parseVaryingDuration,
  UnitError,
} from "../../lib/text/units.ts";

const parsers = { size: parseSize, duration: parseDuration, count: parseCount };

/** [text, value] pairs that a parser must understand. */
function understands(parse: (text: string) => number, cases: Record<string, number>): void {
  for (const [text, value] of Object.entries(cases)) {
    expect([text, parse(text)]).toEqual([text, value]);
  }
}

function refuses(parse: (text: string) => number, texts: string[]): void {
  for (const text of texts) {
    let error: unknown;
    try {
      parse(text);
    } catch (thrown) {
      error = thrown;
    }
    expect([text, error instanceof UnitError]).toEqual([text, true]);
    expect((error as Error).message.startsWith(`"${text}" is not `)).toBe(true);
  }
}

const NONSENSE = [
  "",
  " ",
  "-1",
  "+1",
  "12xyz",
  "x",
  "1e3",
  "0x10",
  ".5",
  "5.",
  "1 2",
  "1,000",
  "NaN",
];

describe("parseSize", () => {
  it("takes bytes, and multiples of 1000 and of 1024", () =>
    understands(parseSize, {
      "0": 0,
      "64": 64,
      "64B": 64,
      "10KB": 10_000,
      "64KiB": 65_536,
      "1MB": 1e6,
      "1MiB": 1_048_576,
      "2GB": 2e9,
      "2GiB": 2_147_483_648,
      "1.5KB": 1500,
      "1.5KiB": 1536,
      "64 KiB": 65_536,
      "64kib": 65_536,
    }));

  it("refuses other units, signs, and parts of a byte", () =>
    refuses(parseSize, [
      ...NONSENSE,
      "1.5B",
      "1.5",
      "0.3KiB",
      "1K",
      "1KiBs",
      "1s",
      "9".repeat(30),
    ]));

  it("is exact for decimal fractions", () => {
    fc.assert(fc.property(fc.nat(1e9), (bytes) => {
      expect(parseSize(`${(bytes / 1000).toFixed(3)}KB`)).toBe(bytes);
      expect(parseSize(`${(bytes / 1e6).toFixed(6)}MB`)).toBe(bytes);
    }));
  });
});

describe("parseDuration", () => {
  it("takes us, ms, s, m, h and d", () =>
    understands(parseDuration, {
      "500us": 0.5,
      "250ms": 250,
      "10s": 10_000,
      "2m": 120_000,
      "1h": 3_600_000,
      "2d": 172_800_000,
      "1.5s": 1500,
      "0s": 0,
      "5 s": 5000,
    }));

  it("refuses other units and signs, and what is too long for a number", () =>
    refuses(parseDuration, [...NONSENSE, "1w", "1min", "1KB", `${"9".repeat(400)}s`]));

  it("refuses a number without a unit, and says how to write it", () => {
    for (const text of ["0", "10", "0.5"]) {
      expect(() => parseDuration(text)).toThrow(
        `"${text}" has no unit: write ${text}us, ${text}ms or ${text}s`,
      );
    }
    expect(() => parseVaryingDuration("10ms±5")).toThrow('"10ms±5" has no unit: write 5us');
  });

  it("keeps whole milliseconds and microseconds whole", () => {
    fc.assert(fc.property(fc.nat(1e9), (n) => {
      expect(parseDuration(`${(n / 1000).toFixed(3)}s`)).toBe(n);
      expect(parseDuration(`${n}us`)).toBe(n / 1000);
    }));
  });
});

describe("parseVaryingDuration", () => {
  it("takes a duration, with what it varies by", () => {
    for (
      const [text, ms, jitterMs] of [
        ["10ms", 10, 0],
        ["10ms±5ms", 10, 5],
        ["10ms+-5ms", 10, 5],
        ["1s ± 250ms", 1000, 250],
        ["0s", 0, 0],
      ] as const
    ) expect([text, parseVaryingDuration(text)]).toEqual([text, { ms, jitterMs }]);
  });

  it("refuses what it can't vary by", () =>
    refuses(
      (text) => parseVaryingDuration(text).ms,
      ["", "±5ms", "10ms±", "10ms±20ms", "1s±1s±1s", "10ms-5ms"],
    ));
});

describe("parseBandwidth and parsePercent", () => {
  it("take a rate with or without /s", () =>
    understands(parseBandwidth, {
      "1": 1,
      "64KB/s": 64_000,
      "64KB": 64_000,
      "1MiB/s": 1_048_576,
      "1.5 B/s": 1.5,
    }));

  it("take a percentage with or without %", () =>
    understands(parsePercent, { "0": 0, "30": 30, "30%": 30, "0.5%": 0.5, "100": 100 }));

  it("refuse other units, and what is too much or too little", () => {
    refuses(parseBandwidth, [...NONSENSE, "0", "0.5B/s", "1MB/m", "1/s/s", "10k"]);
    refuses(parsePercent, [...NONSENSE, "100.1", "30%%", "3k", "-1%"]);
  });
});

describe("parseCount", () => {
  it("takes whole numbers, thousands and millions", () =>
    understands(parseCount, {
      "0": 0,
      "50": 50,
      "10k": 10_000,
      "10K": 10_000,
      "1m": 1_000_000,
      "1.5k": 1500,
      "64.1k": 64_100,
      "0.001m": 1000,
    }));

  it("refuses fractions and other units", () =>
    refuses(parseCount, [...NONSENSE, "1.5", "1.0005k", "10kk", "1g", "10KB", "9".repeat(30)]));

  it("is exact for decimal fractions of a million", () => {
    fc.assert(fc.property(fc.nat(1e9), (n) => {
      expect(parseCount(`${(n / 1e6).toFixed(6)}m`)).toBe(n);
    }));
  });
});

describe("every parser", () => {
  it("answers any text with a finite number that is not negative, or with a UnitError", () => {
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.double(), fc.constantFrom("", "k", "KB", "s", "us", "GiB")).map((t) =>
        t.join("")
      ),
    );
    fc.assert(fc.property(text, fc.constantFrom(...Object.values(parsers)), (text, parse) => {
      try {
        const value = parse(text);
        expect(Number.isFinite(value) && value >= 0).toBe(true);
      } catch (error) {
        if (!(error instanceof UnitError)) throw error;
      }
    }));
  });
});

describe("shown quantities", () => {
  it("are short", () => {
    expect([0, 1, 1023, 1024, 1536, 2 ** 20, 123 * 2 ** 20, 5 * 2 ** 30].map(formatSize)).toEqual([
      ...["0 B", "1 B", "1023 B", "1.00 KiB", "1.50 KiB", "1.00 MiB", "123 MiB", "5.00 GiB"],
    ]);
    expect([0, 0.0005, 0.25, 1, 12.34, 999, 1000, 90_000].map(formatDuration)).toEqual([
      ...["0.00 us", "0.50 us", "250 us", "1.00 ms", "12.3 ms", "999 ms", "1.00 s", "90.0 s"],
    ]);
    expect([0, 999, 1000, 1234567.4, 1e9].map(formatCount)).toEqual([
      ...["0", "999", "1,000", "1,234,567", "1,000,000,000"],
    ]);
    expect([0, 0.04, 1 / 3, 1.5, 2, 9.994, 9.996, 33.333, 4200].map(formatRate)).toEqual([
      ...["0", "0.04", "0.333", "1.5", "2", "9.99", "10", "33", "4,200"],
    ]);
  });

  it("are rounded to the next unit, never to a thousand of one", () => {
    expect([0.9997, 0.99949, 999.7, 999.4, 99.96, 9.996, 0.0099951].map(formatDuration)).toEqual([
      ...["1.00 ms", "999 us", "1.00 s", "999 ms", "100 ms", "10.0 ms", "10.0 us"],
    ]);
    expect([1048575, 1047900, 1023.6, 2 ** 30 - 1, 99.96 * 1024, 9.996 * 1024].map(formatSize))
      .toEqual(["1.00 MiB", "1023 KiB", "1.00 KiB", "1.00 GiB", "100 KiB", "10.0 KiB"]);
    const digits = /^(\d\.\d\d|\d\d\.\d|\d{3}) (us|ms)$|^(\d\.\d\d|\d\d\.\d|\d{3,}) s$/;
    fc.assert(fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), (ms) => {
      expect(formatDuration(ms)).toMatch(digits);
    }));
  });

  it("are understood again, within what was rounded away", () => {
    const close = (a: number, b: number) => Math.abs(a - b) <= 0.006 * b;
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (bytes) => {
      // Two decimals of a KiB need not be whole bytes, so the unit is taken off by hand.
      const [number, unit] = formatSize(bytes).split(" ") as [string, string];
      expect(close(Number(number) * parseSize(`1${unit}`), bytes)).toBe(true);
    }));
    fc.assert(fc.property(fc.double({ min: 0.001, max: 1e7, noNaN: true }), (ms) => {
      expect(close(parseDuration(formatDuration(ms)), ms)).toBe(true);
    }));
    fc.assert(fc.property(fc.nat(), (count) => {
      expect(parseCount(formatCount(count).replaceAll(",", ""))).toBe(count);
    }));
  });
});
