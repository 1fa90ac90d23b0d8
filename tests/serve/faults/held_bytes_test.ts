// Bytes that are held back: none leaves before its time, all leave in order, and memory is bounded.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { HeldBytes } from "../../../lib/serve/faults/held_bytes.ts";
import { expectSameBytes, pattern } from "../../support/engines.ts";

describe("HeldBytes", () => {
  it("against a list of bytes with a time each: order kept, never early, at most 1 ms late", () => {
    const step = fc.oneof(
      fc.record({
        push: fc.integer({ min: 1, max: 3000 }),
        due: fc.double({ min: 0, max: 50, noNaN: true }),
      }),
      fc.record({ take: fc.integer({ min: 1, max: 4000 }) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const held = new HeldBytes();
      const model: { byte: number; due: number; before: number }[] = [];
      let latest = -Infinity;
      let count = 0;
      for (const each of steps) {
        if ("push" in each) {
          const bytes = pattern(each.push, ++count);
          held.push(bytes, each.due);
          latest = Math.max(latest, each.due);
          for (const byte of bytes) model.push({ byte, due: each.due, before: latest });
        } else {
          const { due } = held;
          const taken = held.peek(each.take).slice();
          expect(taken.length > 0).toBe(model.length > 0);
          const expected = model.splice(0, taken.length);
          expectSameBytes(taken, Uint8Array.from(expected, ({ byte }) => byte));
          for (const byte of expected) {
            expect(due).toBeGreaterThanOrEqual(byte.due);
            expect(due).toBeLessThan(byte.before + 1);
          }
          if (taken.length > 0) held.consume(taken.length);
        }
        expect(held.length).toBe(model.length);
        expect(held.due === Infinity).toBe(model.length === 0);
      }
    }));
  });

  it("clear() drops everything, and it can be used again", () => {
    const held = new HeldBytes();
    held.push(pattern(100), 5);
    held.clear();
    expect([held.length, held.due, held.peek(10).length]).toEqual([0, Infinity, 0]);
    held.push(pattern(3), 1);
    expect([held.length, held.due, held.peek(10).length]).toEqual([3, 1, 3]);
  });

  it("keeps up with many small pieces that come and go", () => {
    const held = new HeldBytes();
    const one = pattern(1);
    for (let i = 0; i < 200_000; i++) {
      held.push(one, i);
      if (i >= 1000) held.consume(held.peek(1).length);
    }
    expect([held.length, held.due]).toEqual([1000, 199_000]);
  });
});
