// The verifier: every kind of mismatch made on purpose, anywhere in a stream, in any pieces.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import type { Oracle } from "../../../lib/stress/traffic/oracle.ts";
import type { Mismatch, MismatchKind } from "../../../lib/result/result.ts";
import {
  chunkings,
  CONNECTION,
  firstDifference,
  hex,
  joined,
  LENGTH,
  oracles,
  position,
  verify,
} from "../../support/streams.ts";

/** Checks what a verifier says of a stream of which `damage` made something else. */
function says(
  kind: MismatchKind,
  oracle: Oracle,
  chunking: number[],
  damage: (stream: Uint8Array) => Uint8Array,
): void {
  const stream = oracle.expected(CONNECTION, 0, LENGTH).slice();
  const received = damage(stream);
  const offset = firstDifference(stream, received);
  fc.pre(offset < received.length); // by chance the damage changed nothing that can be seen
  const verifier = verify(oracle, received, chunking, LENGTH);
  expect(verifier.broken).toBe(true);
  const wanted: Mismatch = {
    connection: CONNECTION,
    offset,
    kind,
    expected: hex(stream.subarray(offset)),
    actual: hex(received.subarray(offset)),
  };
  expect(verifier.mismatch(LENGTH)).toEqual(wanted);
}

describe("corrupted", () => {
  it("is one byte that was changed", () => {
    const bits = fc.integer({ min: 1, max: 255 });
    fc.assert(fc.property(oracles, chunkings, position, bits, (oracle, chunking, at, change) => {
      says("corrupted", oracle, chunking, (stream) => {
        const changed = stream.slice();
        changed[at]! ^= change;
        return changed;
      });
    }));
  });

  it("is a run of bytes that were overwritten", () => {
    const noise = fc.uint8Array({ minLength: 1, maxLength: 500 });
    fc.assert(fc.property(oracles, chunkings, position, noise, (oracle, chunking, at, bytes) => {
      says("corrupted", oracle, chunking, (stream) => {
        const changed = stream.slice();
        changed.set(bytes.subarray(0, LENGTH - at), at);
        return changed;
      });
    }));
  });
});

describe("lost", () => {
  it("is bytes that are missing, as soon as one more byte comes", () => {
    const count = fc.integer({ min: 1, max: 1000 });
    fc.assert(fc.property(oracles, chunkings, position, count, (oracle, chunking, at, missing) => {
      fc.pre(at + missing < LENGTH);
      says(
        "lost",
        oracle,
        chunking,
        (stream) => joined(stream.subarray(0, at), stream.subarray(at + missing)),
      );
    }));
  });
});

describe("duplicated", () => {
  it("is bytes that came twice, wherever", () => {
    const count = fc.integer({ min: 1, max: 1000 });
    fc.assert(fc.property(oracles, chunkings, position, count, (oracle, chunking, at, repeated) => {
      const end = at + 1;
      fc.pre(repeated <= end);
      says(
        "duplicated",
        oracle,
        chunking,
        (stream) => joined(stream.subarray(0, end), stream.subarray(end - repeated)),
      );
    }));
  });
});

describe("reordered", () => {
  it("is two blocks of 16 bytes or more that changed places, with or without bytes between", () => {
    const size = fc.integer({ min: 16, max: 400 });
    const gap = fc.oneof(fc.constant(0), fc.nat(100));
    fc.assert(
      fc.property(
        oracles,
        chunkings,
        position,
        size,
        size,
        gap,
        (oracle, chunking, at, a, b, g) => {
          const [first, between, second] = [at + a, at + a + g, at + a + g + b];
          fc.pre(second <= LENGTH);
          says("reordered", oracle, chunking, (stream) =>
            joined(
              stream.subarray(0, at),
              stream.subarray(between, second),
              stream.subarray(first, between),
              stream.subarray(at, first),
              stream.subarray(second),
            ));
        },
      ),
    );
  });
});

describe("foreign", () => {
  const other = fc.integer({ min: 4, max: 40 });
  const count = fc.integer({ min: 16, max: 300 });

  it("is bytes of another connection, in the place of ours or before them", () => {
    const keep = fc.boolean();
    fc.assert(
      fc.property(
        oracles,
        chunkings,
        position,
        other,
        count,
        keep,
        (oracle, ch, at, who, n, own) => {
          fc.pre(at + n <= LENGTH);
          const foreign = oracle.expected(who, at, n).slice();
          says(
            "foreign",
            oracle,
            ch,
            (stream) => joined(stream.subarray(0, at), foreign, stream.subarray(own ? at : at + n)),
          );
        },
      ),
    );
  });

  it("is bytes of no stream that were inserted", () => {
    const noise = fc.uint8Array({ minLength: 2, maxLength: 300 });
    fc.assert(fc.property(oracles, chunkings, position, noise, (oracle, chunking, at, bytes) => {
      const stream = oracle.expected(CONNECTION, 0, LENGTH).slice();
      // What looks like a repetition is one.
      fc.pre(!bytes.every((byte, i) => byte === stream[at - bytes.length + i]));
      fc.pre(!bytes.every((byte, i) => byte === stream[at + i]));
      says(
        "foreign",
        oracle,
        chunking,
        (stream) => joined(stream.subarray(0, at), bytes, stream.subarray(at)),
      );
    }));
  });
});
