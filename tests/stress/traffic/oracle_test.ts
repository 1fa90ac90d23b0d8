// The oracle: streams that can be made from any place on, and bytes that tell where they come from.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { Oracle } from "../../../lib/stress/traffic/oracle.ts";

const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** From one connection to so many that a stream's range of the counter is 16 bytes long. */
const connections = fc.oneof(
  fc.integer({ min: 1, max: 100 }),
  fc.constantFrom(1000, 65_536, 2 ** 20, 3 * 2 ** 20 + 7, 2 ** 30),
);
const transform = fc.constantFrom("echo" as const, "upper" as const);

/** A stream of a run, and a place in it. */
const places = fc.record({ seed, connections, transform, offset: fc.nat(1 << 20) })
  .chain((place) =>
    fc.record({
      ...mapValues(place),
      connection: fc.nat(place.connections - 1),
      length: fc.integer({ min: 12, max: 300 }),
    })
  );

function mapValues<T extends object>(values: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  const entries = Object.entries(values).map(([name, value]) => [name, fc.constant(value)]);
  return Object.fromEntries(entries);
}

/** The obvious way to upper case, to compare with. */
const upper = (bytes: Uint8Array) =>
  bytes.map((byte) => byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);

describe("sent()", () => {
  it("is one stream, whatever pieces it is asked for in", () => {
    fc.assert(fc.property(places, fc.array(fc.integer({ min: 0, max: 40 })), (at, cuts) => {
      const whole = new Oracle(at.seed, at.connections).sent(at.connection, at.offset, at.length)
        .slice();
      const oracle = new Oracle(at.seed, at.connections);
      const pieces: number[] = [];
      for (const cut of [...cuts, at.length]) {
        const length = Math.min(cut, at.length - pieces.length);
        pieces.push(...oracle.sent(at.connection, at.offset + pieces.length, length));
      }
      expect(pieces).toEqual([...whole]);
    }));
  });

  it("differs between connections and between seeds", () => {
    fc.assert(fc.property(seed, seed, fc.nat(1 << 16), (one, other, offset) => {
      const text = (s: number, connection: number) =>
        String(new Oracle(s, 100).sent(connection, offset, 16));
      const streams = new Set(Array.from({ length: 100 }, (_, i) => text(one, i)));
      expect(streams.size).toBe(100);
      if (one !== other) expect(text(one, 0)).not.toBe(text(other, 0));
    }));
  });

  it("does not repeat itself when a range of the counter is used up", () => {
    // 16 bytes a range, so that 1000 ranges follow one another here.
    const stream = new Oracle(1, 2 ** 30).sent(5, 0, 16_000);
    const words = new Int32Array(stream.slice().buffer);
    expect(new Set(words).size).toBeGreaterThan(3990); // some may meet by chance
  });

  it("uses every byte value", () => {
    expect(new Set(new Oracle(7, 50).sent(3, 0, 1 << 14)).size).toBe(256);
  });

  it("serves long messages, and offsets far beyond 4 GiB", () => {
    const oracle = new Oracle(9, 50);
    const offset = 2 ** 40 + 3;
    const long = oracle.sent(1, offset, 1 << 20).slice();
    expect(long.length).toBe(1 << 20);
    expect([...oracle.sent(1, offset + 999_999, 20)]).toEqual([...long.slice(999_999, 1_000_019)]);
  });
});

describe("expected()", () => {
  it("is what was sent, for an echo", () => {
    fc.assert(fc.property(places, (at) => {
      const oracle = new Oracle(at.seed, at.connections, "echo");
      const expected = oracle.expected(at.connection, at.offset, at.length);
      expect([...expected]).toEqual([...oracle.sent(at.connection, at.offset, at.length)]);
    }));
  });

  it("is the upper case of it, byte by byte, for upper", () => {
    const oracle = new Oracle(7, 50, "upper");
    for (let offset = 0; offset < 4; offset++) {
      const sent = oracle.sent(3, offset, 1 << 14);
      expect(new Set(sent).size).toBe(256);
      expect([...oracle.expected(3, offset, 1 << 14)]).toEqual([...upper(sent)]);
    }
  });

  it("does not disturb the view that sent() has returned", () => {
    const oracle = new Oracle(7, 50, "upper");
    const sent = oracle.sent(3, 0, 64);
    const before = [...sent];
    oracle.expected(4, 1000, 64);
    expect([...sent]).toEqual(before);
  });
});

describe("locate()", () => {
  it("finds where any 12 bytes or more come from, at any alignment", () => {
    fc.assert(
      fc.property(places, fc.nat(20), (at, before) => {
        const oracle = new Oracle(at.seed, at.connections, at.transform);
        const bytes = new Uint8Array(before + at.length);
        bytes.set(oracle.expected(at.connection, at.offset, at.length), before);
        const { connection, offset } = at;
        expect(oracle.locate(bytes, before, offset)).toEqual({ connection, offset });
      }),
      { numRuns: 400 },
    );
  });

  it("finds them across the end of a range of the counter", () => {
    const connections = 2 ** 30;
    for (const transform of ["echo", "upper"] as const) {
      const oracle = new Oracle(123, connections, transform);
      for (let offset = 0; offset < 100; offset++) {
        const bytes = oracle.expected(77, offset, 12).slice();
        expect(oracle.locate(bytes, 0, offset)).toEqual({ connection: 77, offset });
      }
    }
  });

  it("finds them when another connection is elsewhere in its stream", () => {
    fc.assert(fc.property(places, fc.nat(1 << 20), (at, near) => {
      // With few connections a range is larger than both offsets.
      const oracle = new Oracle(at.seed, 50, at.transform);
      const bytes = oracle.expected(31, at.offset, at.length).slice();
      expect(oracle.locate(bytes, 0, near)).toEqual({ connection: 31, offset: at.offset });
    }));
  });

  it("finds nothing in bytes of no stream, nor in fewer than 12", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 12, maxLength: 40 }), (bytes) => {
      expect(new Oracle(5, 50).locate(bytes, 0, 0)).toBe(undefined);
    }));
    const oracle = new Oracle(5, 50);
    expect(oracle.locate(oracle.expected(1, 0, 11).slice(), 0, 0)).toBe(undefined);
  });

  it("does not take a stream of another seed for one of its own", () => {
    for (const other of [0, 1, 2, 4, 5 + 2 ** 31, 6 << 20, 2 ** 32 - 1]) {
      const [ours, theirs] = [new Oracle(5, 50), new Oracle(other, 50)];
      for (let connection = 0; connection < 50; connection++) {
        const place = ours.locate(theirs.expected(connection, 4000, 64).slice(), 0, 4000);
        expect(place).toBe(undefined);
      }
    }
  });

  it("shares no part of a stream with another seed, shifted or not", () => {
    const length = 64 * 1024;
    const words = (seed: number) =>
      new Int32Array(new Oracle(seed, 1).sent(0, 0, length).slice().buffer);
    const [one, other] = [words(1), words(2)];
    for (let shift = -64; shift <= 64; shift++) {
      let same = 0;
      for (let i = 64; i < one.length - 64; i++) if (one[i] === other[i + shift]) same++;
      expect([shift, same < 3]).toEqual([shift, true]); // one in 2^32 by chance
    }
  });
});

describe("agrees()", () => {
  it("compares with the stream at a place", () => {
    const oracle = new Oracle(5, 50, "upper");
    const bytes = new Uint8Array([1, 2, 3, ...oracle.expected(9, 101, 20)]);
    const place = { connection: 9, offset: 101 };
    expect(oracle.agrees(bytes, 3, 20, place)).toBe(true);
    expect(oracle.agrees(bytes, 2, 20, place)).toBe(false);
    expect(oracle.agrees(bytes, 3, 20, { ...place, offset: 102 })).toBe(false);
    expect(oracle.agrees(bytes, 3, 21, place)).toBe(false); // there are no more bytes
  });
});
