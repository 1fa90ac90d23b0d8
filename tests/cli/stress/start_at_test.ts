// The moments that `--start-at` takes, and the wait for one.
import { describe, expect, it } from "bun:test";
import { parseStartAt, waitUntil } from "../../../lib/cli/stress/start_at.ts";

const now = new Date(2026, 0, 31, 12, 0, 0).getTime(); // local time, in whatever zone this is

describe("parseStartAt", () => {
  const local = (...parts: number[]) =>
    new Date(...parts as [number, number, number, number, number, number]).getTime();
  const good: [text: string, at: number][] = [
    ["+10s", now + 10_000],
    ["+1500ms", now + 1500],
    ["+2m", now + 120_000],
    ["12:00:01", local(2026, 0, 31, 12, 0, 1)],
    ["12:05", local(2026, 0, 31, 12, 5, 0)],
    ["23:59:59.250", local(2026, 0, 31, 23, 59, 59) + 250],
    ["2026-02-01T00:00:00Z", Date.UTC(2026, 1, 1)],
    ["2026-02-01T02:30:00+02:30", Date.UTC(2026, 1, 1)],
    ["2026-02-01T00:00:00.5Z", Date.UTC(2026, 1, 1) + 500],
    ["2026-02-01T00:00:00", local(2026, 1, 1, 0, 0, 0)],
    [String(Math.floor(now / 1000) + 60), Math.floor(now / 1000) * 1000 + 60_000],
    [` ${now / 1000 + 0.5} `, now + 500],
  ];
  for (const [text, at] of good) {
    it(`takes ${text}`, () => expect(parseStartAt(text, now)).toBe(at));
  }

  it("takes a time of day that has just gone by for the past, and an old one for tomorrow's", () => {
    expect(() => parseStartAt("11:59:50", now)).toThrow(
      /"11:59:50" is in the past: it was 10 s ago/,
    );
    const late = new Date(2026, 0, 31, 23, 59, 50).getTime();
    expect(parseStartAt("00:00:10", late)).toBe(local(2026, 1, 1, 0, 0, 10));
  });

  it("refuses a moment that is over", () => {
    for (const text of ["2020-01-01T00:00:00Z", "1000000000", "+0s"]) {
      expect(() => parseStartAt(text, now)).toThrow(/is in the past: it was [\d.]+ s ago/);
    }
  });

  it("refuses what is no time, and says what is", () => {
    const bad = ["", "soon", "10s", "+", "+soon", "25:00:00", "12:60", "2026-13-01T00:00:00Z"];
    for (const text of [...bad, "2026-02-01", "12", "-5s", "1e12", "2026-02-01T00:00:00X"]) {
      expect(() => parseStartAt(text, now)).toThrow(
        /is not a time: ISO 8601 .*, \+10s, or seconds/,
      );
    }
  });
});

describe("waitUntil", () => {
  it("is never early", async () => {
    const at = Date.now() + 60;
    await waitUntil(at, new AbortController().signal);
    expect(Date.now() >= at).toBe(true);
  });

  it("ends when it is told to", async () => {
    const stop = new AbortController();
    const start = performance.now();
    const waiting = waitUntil(Date.now() + 3600_000, stop.signal);
    stop.abort();
    await waiting;
    await waitUntil(Date.now() + 3600_000, stop.signal); // and at once when it was told before
    expect(performance.now() - start < 10_000).toBe(true);
  });
});
