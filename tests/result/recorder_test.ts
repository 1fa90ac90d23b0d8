// The recorder against sorted values, and through the encoding of the HdrHistogram tools.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64 } from "hdr-histogram-js";
import { deflateSync, inflateSync } from "node:zlib";
import { decodeHistogram, encodeHistogram } from "../../lib/result/hdr.ts";
import {
  bucketOf,
  HIGHEST,
  isOver,
  lowestOf,
  Recorder,
  RECORDER_BYTES,
} from "../../lib/result/recorder.ts";

const recorded = (values: readonly number[]): Recorder => {
  const recorder = new Recorder();
  for (const ms of values) recorder.record(ms);
  return recorder;
};
/** From 100 ns to above an hour, every order of magnitude alike. */
const durations = fc.array(fc.double({ min: -4, max: 6.6, noNaN: true }).map((e) => 10 ** e), {
  minLength: 1,
  maxLength: 300,
});
const inRange = (ms: number): boolean => ms * 1e4 <= HIGHEST;

describe("Recorder", () => {
  it("has buckets without a gap, each a 1024th wide or finer", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: HIGHEST }), (units) => {
      const bucket = bucketOf(units);
      const [low, next] = [lowestOf(bucket), lowestOf(bucket + 1)];
      expect(low <= units && units < next).toBe(true);
      expect(next - low <= Math.max(1, units / 1024)).toBe(true);
    }));
    expect(bucketOf(HIGHEST)).toBe(21 * 1024 + 2047);
  });

  it("tells percentiles as sorting does, to three digits", () => {
    fc.assert(fc.property(durations, fc.double({ min: 0, max: 100, noNaN: true }), (all, p) => {
      const values = all.filter(inRange);
      if (values.length === 0) return;
      const sorted = values.map((ms) => Math.round(ms * 1e4) / 10).sort((a, b) => a - b);
      const right = sorted[Math.max(1, Math.ceil(sorted.length * p / 100 - 1e-9)) - 1]!;
      const told = recorded(values).percentile(p);
      expect(told >= right && told <= right * (1 + 1 / 1023) + 0.1).toBe(true);
    }));
  });

  it("tells count, mean and extremes exactly", () => {
    const summary = recorded([0.001, 0.002, 0.003, 1000]).summary();
    expect(summary).toEqual({
      ...{ min: 1, mean: 250001.5, p50: 2, p90: 1e6, p99: 1e6, p99_9: 1e6, p99_99: 1e6 },
      ...{ p99_999: 1e6, max: 1e6, count: 4, unanswered: 0, stddev: summary.stddev },
    });
    expect(summary.stddev / 433_011.8).toBeCloseTo(1, 3);
    const none = { min: 0, mean: 0, p50: 0, p90: 0, p99: 0, p99_9: 0, p99_99: 0, max: 0, count: 0 };
    expect(new Recorder().summary()).toEqual({ ...none, stddev: 0, p99_999: 0, unanswered: 0 });
  });

  it("counts what never came among the slowest: percentiles there are the time waited in vain", () => {
    const summary = recorded(Array.from({ length: 95 }, () => 1)).summary({ count: 5, us: 2e6 });
    expect(summary).toMatchObject({ count: 95, unanswered: 5, mean: 1000, stddev: 0, min: 1000 });
    expect([summary.p90, summary.p99, summary.max]).toEqual([1000, 2e6, 2e6]);
    const over = [50, 90, 95, 95.1, 99, 100].map((percent) => isOver(summary, percent));
    expect(over).toEqual([false, false, false, true, true, true]);
    // A corrected latency can be longer than a time-out: percentiles never fall.
    expect(recorded([1, 9000]).summary({ count: 2, us: 5e6 }).p99).toBe(9e6);
    expect(new Recorder().summary({ count: 1, us: 5e6 })).toMatchObject({ p50: 5e6, count: 0 });
  });

  it("counts a value above its range, in all of its figures", () => {
    const recorder = recorded([1, 600_000, 3_600_000]);
    expect([recorder.count, recorder.overflow]).toEqual([3, 2]);
    expect(recorder.summary().max).toBe(3.6e9);
    expect(recorder.percentile(50) >= HIGHEST / 10 * 0.999).toBe(true);
    expect([...recorder.buckets()].reduce((sum, [, count]) => sum + count, 0)).toBe(3);
  });

  it("counts a duration below zero as zero", () => {
    expect(recorded([-5]).summary().max).toBe(0);
    expect(recorded([-5]).count).toBe(1);
  });

  it("adds up, and is without some of its values again", () => {
    fc.assert(fc.property(durations, durations, (first, then) => {
      const both = recorded([...first, ...then]).summary();
      const sum = recorded(first);
      sum.add(recorded(then));
      expect({ ...sum.summary(), mean: 0 }).toEqual({ ...both, mean: 0 });
      const rest = sum.without(recorded(first));
      const alone = recorded(then);
      expect([rest.count, rest.overflow]).toEqual([then.length, alone.overflow]);
      expect(rest.summary().mean).toBeCloseTo(alone.summary().mean, 0);
      const near = (told: number, value: number) => Math.abs(told - value) <= value / 1023 + 0.1;
      expect(near(rest.percentile(50), alone.percentile(50))).toBe(true);
      const least = Math.min(alone.summary().min, HIGHEST / 10); // above that one bucket has them all
      expect(near(rest.summary().min, least)).toBe(true);
    }));
  });

  it("has its own extremes still when it is without others", () => {
    const rest = recorded([1.2345, 2, 98.7654]).without(recorded([2])).summary();
    expect([rest.min, rest.max, rest.count]).toEqual([1234.5, 98765.4, 2]);
    expect(recorded([2]).without(recorded([2])).summary()).toEqual(new Recorder().summary());
  });

  it("has nothing of a value that is taken back", () => {
    const values = [1.2345, 2, 98.7654, 1e9];
    const all = recorded(values);
    for (const ms of [1e9, 2]) all.remove(ms);
    const rest = recorded(values).without(recorded([2, 1e9]));
    expect([all.summary(), all.exact]).toEqual([rest.summary(), rest.exact] as unknown[]);
    for (const ms of [98.7654, 1.2345]) all.remove(ms);
    expect([all.summary(), all.overflow]).toEqual([new Recorder().summary(), 0] as unknown[]);
  });

  it("is seen from another view of its memory", () => {
    const memory = new SharedArrayBuffer(2 * RECORDER_BYTES);
    new Recorder(memory, 1).record(2);
    expect(new Recorder(memory, 1).summary().p50).toBe(2000);
    expect(new Recorder(memory, 0).count).toBe(0);
  });

  it("loses nothing in the encoding of the HdrHistogram tools", () => {
    fc.assert(
      fc.property(durations, (values) => {
        const recorder = recorded(values);
        const decoded = decodeHistogram(encodeHistogram(recorder));
        decoded.refine(recorder.exact);
        expect([...decoded.units()].map(([, count]) => count)).toEqual(
          [...recorder.units()].map(([, count]) => count),
        );
        expect(decoded.summary()).toEqual(recorder.summary());
      }),
      { numRuns: 30 },
    );
  });

  it("is what HdrHistogram's own package makes, count by count, and reads", () => {
    fc.assert(
      fc.property(durations, (values) => {
        const recorder = recorded(values);
        const theirs = build({
          ...{ lowestDiscernibleValue: 1, highestTrackableValue: HIGHEST, bitBucketSize: 64 },
          ...{ numberOfSignificantValueDigits: 3, autoResize: true },
        });
        for (const [units, count] of recorder.units()) {
          theirs.recordValueWithCount(Math.min(units, HIGHEST), count);
        }
        const ours = encodeHistogram(recorder);
        // Behind the header, of which the package fills fields that it does not use with other values.
        const counts = (text: string) =>
          inflateSync(Buffer.from(text, "base64").subarray(8)).subarray(40).toString("hex");
        expect(counts(ours)).toBe(counts(encodeIntoCompressedBase64(theirs)));
        const read = decodeFromCompressedBase64(ours, 64, false);
        expect(read.totalCount).toBe(recorder.count);
        expect([...decodeHistogram(encodeIntoCompressedBase64(theirs)).filled()]).toEqual([
          ...recorder.filled(),
        ]);
      }),
      { numRuns: 30 },
    );
  });

  it("refuses what is no such encoding, is cut off, or goes beyond the range", () => {
    const whole = encodeHistogram(recorded([1, 2, 3]));
    const bytes = Buffer.from(whole, "base64");
    const changed = (change: (plain: Buffer) => void) => {
      const plain = inflateSync(bytes.subarray(8));
      change(plain);
      return Buffer.concat([bytes.subarray(0, 8), deflateSync(plain)]).toString("base64");
    };
    const lengthOf = (text: string) => {
      const all = Buffer.from(text, "base64");
      all.writeInt32BE(all.length - 8, 4);
      return all.toString("base64");
    };
    for (
      const text of [
        ...["", "nonsense", whole.slice(0, -12)],
        lengthOf(changed((plain) => plain.writeInt32BE(2, 12))),
        lengthOf(changed((plain) => plain.writeInt32BE(1 << 30, 4))),
        lengthOf(changed((plain) => plain.fill(0xff, 40))),
      ]
    ) expect(() => decodeHistogram(text)).toThrow();
  });
});
