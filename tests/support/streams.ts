// Streams of an oracle for tests of the verifier, and a verifier that is given them.
import { expect } from "bun:test";
import fc from "fast-check";
import { Oracle } from "../../lib/stress/traffic/oracle.ts";
import { Verifier } from "../../lib/stress/traffic/verifier.ts";

/** The connection that is verified. */
export const CONNECTION = 3;
/** Bytes of its stream. */
export const LENGTH = 3000;

export const oracles: fc.Arbitrary<Oracle> = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  // The last one makes a range of the counter 2 KiB long, so that streams cross into the next.
  connections: fc.constantFrom(50, 2000, 2 ** 23),
  transform: fc.constantFrom("echo" as const, "upper" as const),
}).map(({ seed, connections, transform }) => new Oracle(seed, connections, transform));

/** Sizes of the pieces in which the bytes arrive, used again and again. */
export const chunkings: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 700 }), {
  minLength: 1,
  maxLength: 6,
});
export const position: fc.Arbitrary<number> = fc.nat(LENGTH - 1);

export const joined = (...parts: Uint8Array[]): Uint8Array =>
  new Uint8Array(parts.flatMap((part) => [...part]));
export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.subarray(0, 16)).toString("hex");

export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

/** Gives `received` to a verifier in pieces; `sent` bytes were sent before any of it came. */
export function verify(
  oracle: Oracle,
  received: Uint8Array,
  chunking: number[],
  sent: number,
): Verifier {
  const verifier = new Verifier(oracle, CONNECTION);
  let right = 0;
  for (let at = 0, i = 0; at < received.length; i++) {
    const chunk = received.subarray(at, at + chunking[i % chunking.length]!);
    right += verifier.take(chunk, sent);
    at += chunk.length;
  }
  expect(right).toBe(verifier.offset);
  return verifier;
}
