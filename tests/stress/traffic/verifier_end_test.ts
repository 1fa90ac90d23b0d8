// The verifier at the end of a stream: right to the end, too short, too long, and enough of it.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { Oracle } from "../../../lib/stress/traffic/oracle.ts";
import { Verifier } from "../../../lib/stress/traffic/verifier.ts";
import {
  chunkings,
  CONNECTION,
  hex,
  joined,
  LENGTH,
  oracles,
  position,
  verify,
} from "../../support/streams.ts";

describe("a stream that is right", () => {
  it("is right in any pieces", () => {
    fc.assert(fc.property(oracles, chunkings, (oracle, chunking) => {
      const stream = oracle.expected(CONNECTION, 0, LENGTH).slice();
      const verifier = verify(oracle, stream, chunking, LENGTH);
      expect(verifier.broken).toBe(false);
      expect(verifier.offset).toBe(LENGTH);
    }));
  });

  it("is truncated when it ends early, with the bytes that are missing", () => {
    fc.assert(fc.property(oracles, chunkings, position, (oracle, chunking, length) => {
      const stream = oracle.expected(CONNECTION, 0, LENGTH).slice();
      const verifier = verify(oracle, stream.subarray(0, length), chunking, LENGTH);
      expect(verifier.truncation(LENGTH)).toEqual({
        connection: CONNECTION,
        offset: length,
        kind: "truncated",
        expected: hex(stream.subarray(length)),
        actual: "",
      });
    }));
  });
});

describe("bytes after everything was answered", () => {
  const received = (oracle: Oracle, extra: (stream: Uint8Array) => Uint8Array) => {
    const stream = oracle.expected(CONNECTION, 0, 64).slice();
    return joined(stream, extra(stream));
  };

  it("are duplicated when they repeat the last ones, even if it is one byte", () => {
    fc.assert(
      fc.property(
        oracles,
        chunkings,
        fc.integer({ min: 1, max: 64 }),
        (oracle, chunking, count) => {
          const bytes = received(oracle, (stream) => stream.subarray(64 - count));
          const mismatch = verify(oracle, bytes, chunking, 64).mismatch(64);
          expect(mismatch).toEqual({
            connection: CONNECTION,
            offset: 64,
            kind: "duplicated",
            expected: "",
            actual: hex(bytes.subarray(64)),
          });
        },
      ),
    );
  });

  it("are foreign when they are anything else", () => {
    const noise = fc.uint8Array({ minLength: 1, maxLength: 100 });
    fc.assert(fc.property(oracles, chunkings, noise, (oracle, chunking, extra) => {
      const stream = oracle.expected(CONNECTION, 0, 64).slice();
      fc.pre(!extra.every((byte, i) => byte === stream[64 - extra.length + i]));
      const verifier = verify(oracle, received(oracle, () => extra), chunking, 64);
      const { kind, offset, expected } = verifier.mismatch(64);
      expect({ kind, offset, expected }).toEqual({ kind: "foreign", offset: 64, expected: "" });
    }));
  });

  it("are wrong even if they are what the next message will be", () => {
    const oracle = new Oracle(1, 50);
    const early = oracle.expected(CONNECTION, 0, 128).slice();
    const verifier = new Verifier(oracle, CONNECTION);
    expect(verifier.take(early, 64)).toBe(64);
    expect(verifier.broken).toBe(true);
  });
});

describe("the evidence", () => {
  it("is conclusive at 64 KiB and grows no more", () => {
    const oracle = new Oracle(1, 50);
    const verifier = new Verifier(oracle, CONNECTION);
    const noise = new Uint8Array(1000);
    for (let i = 0; i < 200; i++) {
      expect(verifier.conclusive).toBe(i * noise.length >= 64 * 1024);
      expect(verifier.take(noise, 1e6)).toBe(0);
    }
    expect(verifier.offset).toBe(0);
    expect(verifier.mismatch(1e6).kind).toBe("corrupted");
  });

  it("is classified soon, also when it is 64 KiB of letters that upper case may have made", () => {
    const oracle = new Oracle(1, 50, "upper");
    const verifier = new Verifier(oracle, CONNECTION);
    verifier.take(new Uint8Array(64 * 1024).fill(0x41), 1e6);
    const start = performance.now();
    verifier.mismatch(1e6);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it("is classified soon, also when it is another block and then noise", () => {
    const oracle = new Oracle(1, 50, "upper");
    const verifier = new Verifier(oracle, CONNECTION);
    verifier.take(oracle.expected(CONNECTION, 5000, 100).slice(), 1e6);
    verifier.take(new Uint8Array(64 * 1024).fill(0x41), 1e6);
    const start = performance.now();
    expect(verifier.mismatch(1e6).kind).toBe("lost");
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});
