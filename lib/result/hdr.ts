/**
 * Recorders in HdrHistogram's encoding: version 2, compressed, in base64. Made here, because its package loads
 * two implementations and a compressor into every run, for what the buckets of a recorder are already.
 *
 * Source: HdrHistogram's AbstractHistogram.encodeIntoCompressedByteBuffer and ZigZagEncoding.
 */
import { deflateSync, inflateSync } from "node:zlib";
import { BUCKETS, HIGHEST, lowestOf, Recorder } from "./recorder.ts";

const COMPRESSED = 0x1c849304, PLAIN = 0x1c849303;
/** The word size in a cookie, which says nothing in version 2. */
const WORD_SIZE = 0x10, WORD_SIZES = 0xf0;
const DIGITS = 3;
const HEADER_BYTES = 40;
/** A number in groups of seven bits, of which the ninth has eight. */
const LONGEST = 9;

/** The encoding, which every HdrHistogram tool reads. Values are in units of 100 ns. */
export function encodeHistogram(recorder: Recorder): string {
  const counts: number[] = [];
  let next = 0;
  for (const [bucket, count] of recorder.filled()) {
    const empty = bucket - next;
    // One empty bucket is a 0, more of them are their number, negative.
    if (empty > 0) putNumber(counts, empty === 1 ? 0 : 2 * empty - 1);
    putNumber(counts, 2 * count);
    next = bucket + 1;
  }
  const plain = Buffer.alloc(HEADER_BYTES + counts.length);
  plain.writeInt32BE(PLAIN | WORD_SIZE, 0);
  plain.writeInt32BE(counts.length, 4);
  plain.writeInt32BE(DIGITS, 12);
  plain.writeBigInt64BE(1n, 16);
  plain.writeBigInt64BE(BigInt(HIGHEST), 24);
  plain.writeDoubleBE(1, 32);
  plain.set(counts, HEADER_BYTES);
  const contents = deflateSync(plain);
  const head = Buffer.alloc(8);
  head.writeInt32BE(COMPRESSED | WORD_SIZE, 0);
  head.writeInt32BE(contents.length, 4);
  return Buffer.concat([head, contents]).toString("base64");
}

/**
 * A recorder with all counts of an encoded histogram. Its mean and its extremes are as exact as buckets
 * are; `refine` makes them exact.
 *
 * @throws Error when the text is something else
 */
export function decodeHistogram(text: string): Recorder {
  const bytes = Buffer.from(text, "base64");
  check(bytes, 8, COMPRESSED);
  const plain = inflateSync(bytes.subarray(8, 8 + bytes.readInt32BE(4)), {
    maxOutputLength: HEADER_BYTES + LONGEST * BUCKETS,
  });
  check(plain, HEADER_BYTES, PLAIN);
  if (plain.readInt32BE(12) !== DIGITS || plain.readBigInt64BE(16) !== 1n) {
    throw new Error(`Cannot decode a histogram that has not ${DIGITS} digits from 1 on`);
  }
  const recorder = new Recorder();
  const end = HEADER_BYTES + plain.readInt32BE(4);
  for (let at = HEADER_BYTES, bucket = 0; at < end;) {
    const [number, after] = numberAt(plain, at);
    at = after;
    if (number % 2 === 1) bucket += (number + 1) / 2;
    else {
      if (bucket >= BUCKETS) {
        throw new Error("Cannot decode a histogram that goes beyond its range");
      }
      if (number > 0) recorder.recordUnits(lowestOf(bucket), number / 2);
      bucket++;
    }
  }
  return recorder;
}

function check(bytes: Buffer, least: number, cookie: number): void {
  if (bytes.length >= least && (bytes.readInt32BE(0) & ~WORD_SIZES) === cookie) return;
  throw new Error("Cannot decode what is no histogram of HdrHistogram's version 2");
}

/** Below 2^53 there are at most eight groups. */
function putNumber(bytes: number[], number: number): void {
  for (; number >= 128; number = Math.floor(number / 128)) bytes.push(number % 128 + 128);
  bytes.push(number);
}

function numberAt(bytes: Buffer, at: number): [number: number, after: number] {
  let number = 0;
  for (let factor = 1;; factor *= 128) {
    const byte = bytes.readUInt8(at++);
    number += (byte & 127) * factor;
    if (byte < 128) return [number, at];
    if (factor > Number.MAX_SAFE_INTEGER / 128) throw new Error("Cannot decode so high a count");
  }
}
