// Counting errors by their number, on systems with other numbers than ours.
import { describe, expect, it } from "bun:test";
import { Counters } from "../../lib/engine/mod.ts";

describe("Counters.countError()", () => {
  it("keeps Winsock's numbers apart, as it does those of Unix", () => {
    const counters = new Counters();
    for (const errno of [1, 104, 152, 10_035, 10_054, 10_054, 10_061]) counters.countError(errno);
    expect(counters.errors()).toEqual([
      ...[[1, 1], [104, 1], [152, 1], [10_035, 1], [10_054, 2], [10_061, 1]] as [number, number][],
    ]);
  });

  it("counts numbers of no system together, and touches no other counter", () => {
    const counters = new Counters();
    for (const errno of [-1, 160, 9_999, 10_160, 2 ** 31]) counters.countError(errno);
    expect(counters.errors()).toEqual([[159, 5]]);
    expect(counters.slots.subarray(0, 32).every((slot) => slot === 0)).toBe(true);
  });

  it("takes back what was cured", () => {
    const counters = new Counters();
    counters.countError(10_048);
    counters.countError(10_048, -1);
    expect(counters.errors()).toEqual([]);
  });
});
