// Where records begin, in whatever pieces a stream comes.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { RecordBoundaries } from "../../lib/tls/records.ts";

describe("RecordBoundaries", () => {
  it("finds the same boundaries in any pieces", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 30 });
    const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(lengths, cuts, fc.integer({ min: 1, max: 5 }), (records, pieces, limit) => {
        const stream = Buffer.concat(
          records.map((length) => Buffer.from([23, 3, 3, 0, length, ...new Array(length).fill(9)])),
        );
        const ends = new Set([0]); // ends of records in the stream
        records.reduce((at, length) => (ends.add(at + length + 5), at + length + 5), 0);
        const scanner = new RecordBoundaries();
        let offset = 0;
        for (let i = 0; offset < stream.length; i++) {
          const piece = stream.subarray(offset, offset + pieces[i % pieces.length]!);
          for (let at = 0; at < piece.length;) {
            const end = scanner.next(piece, at, limit);
            expect(end).toBeGreaterThan(at);
            if (end < piece.length) expect(ends.has(offset + end)).toBe(true);
            const inside = [...ends].filter((e) => e > offset + at && e < offset + end).length;
            expect(inside).toBeLessThanOrEqual(limit);
            at = end;
          }
          offset += piece.length;
        }
        expect(scanner.begun).toBe(records.length);
      }),
    );
  });
});
