// Results added up: nothing is lost, and neither the order nor the steps matter.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { decodeHistogram, encodeHistogram } from "../../../lib/result/hdr.ts";
import { mergeResults } from "../../../lib/result/merge/merge.ts";
import { timesOf } from "../../../lib/result/merge/parts.ts";
import { parseResult } from "../../../lib/result/read.ts";
import { mergeTimelines } from "../../../lib/result/merge/timeline.ts";
import { Recorder } from "../../../lib/result/recorder.ts";
import { describeLoad, describeVerified } from "../../../lib/report/load.ts";
import type { StressResult, TimelineRow } from "../../../lib/result/result.ts";
import { sampleResult } from "../../support/sample_results.ts";

type Result = StressResult;
const BEGIN = Date.UTC(2026, 0, 31, 12, 0, 0);

/** A result whose latencies are these, in milliseconds. */
let runs = 0;
function resultOf(
  latencies: readonly number[],
  startMs: number,
  lengths: readonly number[],
  change: Partial<StressResult> = {},
): StressResult {
  const base = sampleResult({ seconds: 1 }, {});
  const recorder = new Recorder();
  for (const ms of latencies) recorder.record(ms);
  let t = 0;
  const timeline = lengths.map((length, i): TimelineRow => ({
    ...base.timeline[0]!,
    ...{ t: Math.round(t += length) / 1000, seconds: length / 1000 },
    ...{ sent: 7 * i + 3, received: 7 * i + 2, bytes_sent: 448 * i, bytes_received: 5 * i },
    ...{ errors: i % 3, active: i + 1, p50: i, p90: 2 * i, p99: 3 * i, max: 4 * i },
  }));
  const summary = recorder.summary();
  runs++; // no two are the same run
  return {
    ...base,
    started_at: new Date(BEGIN + startMs).toISOString(),
    duration_s: t / 1000,
    messages: { ...base.messages, sent: latencies.length, verified: latencies.length },
    bytes: { sent: runs, received: 0 },
    rate: { messages_per_s: t > 0 ? latencies.length / t * 1000 : 0, bytes_per_s: 0 },
    latency_us: summary,
    histograms: {
      ...base.histograms,
      latency: encodeHistogram(recorder),
      sums: { latency: recorder.exact.sum, latency_corrected: 0, connect: 12_345 },
      maxima: { ...base.histograms.maxima, latency: recorder.exact.max },
    },
    timeline,
    ...change,
  };
}

const mismatch = fc.record({
  connection: fc.nat(3),
  offset: fc.nat(2),
  kind: fc.constantFrom("lost" as const, "foreign" as const),
  expected: fc.constantFrom("00", "01"),
  actual: fc.constant("ff"),
});

const anyResult = fc.record({
  latencies: fc.array(fc.double({ min: 0, max: 600_000, noNaN: true }), { maxLength: 20 }),
  startMs: fc.nat(5000),
  lengths: fc.array(fc.integer({ min: 1, max: 2500 }), { maxLength: 5 }),
  interrupted: fc.boolean(),
  partial: fc.boolean(),
  target: fc.constantFrom("127.0.0.1:1", "127.0.0.1:2"),
  errors: fc.dictionary(fc.constantFrom("EPIPE", "ETIMEDOUT", "ECONNRESET"), fc.nat(9)),
  first_mismatch: fc.option(mismatch),
  seed: fc.nat(1),
  mismatched: fc.nat(1),
  peak: fc.nat(9),
  bottleneck: fc.boolean(),
  threshold: fc.constantFrom("p99<5ms", "errors==0", "rate>1", null),
  workers: fc.integer({ min: 1, max: 4 }),
  rtt: fc.option(fc.record({ us: fc.nat(999), connections: fc.integer({ min: 1, max: 100 }) })),
  timer: fc.option(fc.record({ us: fc.nat(999), added: fc.nat(3000) })),
}).map((r) => {
  const made = resultOf(r.latencies, r.startMs, r.lengths, {
    ...{ interrupted: r.interrupted, partial: r.partial, target: r.target, errors: r.errors },
    first_mismatch: r.first_mismatch,
  });
  const failed = { ...made.messages, mismatched: r.mismatched };
  return {
    ...made,
    messages: failed,
    connections: { ...made.connections, peak: r.peak },
    config: { ...made.config, seed: r.seed, workers: r.workers },
    generator: {
      ...made.generator,
      bottleneck: r.bottleneck,
      timer_us: r.timer && {
        ...{
          p50: r.timer.us,
          p99: 2 * r.timer.us,
          together: r.timer.us,
          added: r.timer.added / 10,
        },
      },
      cpu_s: { user: 0.1 * r.workers, system: 0.3 },
    },
    kernel_rtt_us: r.rtt && {
      ...{ rtt: r.rtt.us, variation: 2 * r.rtt.us, connections: r.rtt.connections },
    },
    thresholds: r.threshold ? [{ expression: r.threshold, value: 0, ok: true }] : [],
    verdict: r.mismatched > 0
      ? "fail" as const
      : r.bottleneck
      ? "invalid" as const
      : "pass" as const,
  };
});

/** Histograms as what they count: the same counts can have several encodings. */
function plain(result: StressResult): unknown {
  const { histograms } = result;
  return {
    ...result,
    histograms: {
      ...histograms,
      latency: [...decodeHistogram(histograms.latency).units()],
      connect: [...decodeHistogram(histograms.connect).units()],
    },
  };
}

describe("mergeResults", () => {
  it("gives the same whatever the order", () => {
    fc.assert(
      fc.property(fc.array(anyResult, { minLength: 2, maxLength: 4 }), (results) => {
        const reversed = mergeResults(results.toReversed());
        expect(plain(reversed)).toEqual(plain(mergeResults(results)));
      }),
      { numRuns: 30 },
    );
  });

  it("gives the same in whatever steps", () => {
    fc.assert(
      fc.property(anyResult, anyResult, anyResult, (a, b, c) => {
        const all = plain(mergeResults([a, b, c]));
        expect(plain(mergeResults([mergeResults([a, b]), c]))).toEqual(all);
        expect(plain(mergeResults([a, mergeResults([b, c])]))).toEqual(all);
      }),
      { numRuns: 30 },
    );
  });

  it("has the kernel's round trip over all connections, and the least precise timer", () => {
    const part = (rtt: number, connections: number, p99: number, added: number) => {
      const made = resultOf([1, 2, 3], 0, [1000]);
      return {
        ...made,
        kernel_rtt_us: { rtt, variation: 2 * rtt, connections },
        generator: { ...made.generator, timer_us: { p50: 50, p99, together: p99, added } },
      };
    };
    const sum = mergeResults([part(10, 3, 200, 8), { ...part(50, 1, 100, 4), target: "other:1" }]);
    expect(sum.kernel_rtt_us).toEqual({ rtt: 20, variation: 40, connections: 4 });
    expect(sum.generator.timer_us).toEqual({ p50: 50, p99: 200, together: 200, added: 6 });
  });

  it("has the percentiles of all latencies together, to the digit", () => {
    const latencies = fc.array(fc.double({ min: 0, max: 50_000, noNaN: true }), { maxLength: 60 });
    fc.assert(
      fc.property(latencies, latencies, (one, other) => {
        const both = resultOf([...one, ...other], 0, [1000]);
        const sum = mergeResults([resultOf(one, 0, [1000]), resultOf(other, 0, [1000])]);
        expect(sum.latency_us).toEqual(both.latency_us);
        expect(sum.histograms.sums.latency).toBe(both.histograms.sums.latency);
      }),
      { numRuns: 50 },
    );
  });

  it("counts values above the range, and keeps the true maximum", () => {
    const one = resultOf([1, 500_000], 0, [1000]);
    const sum = mergeResults([one, resultOf([2], 0, [1000])]);
    expect(sum.latency_us).toMatchObject({ count: 3, max: 500_000_000, min: 1000 });
  });

  it("adds counts, rates and settings up, over the time in which any run went on", () => {
    const one = resultOf(Array(100).fill(1), 0, [1000, 1000]);
    const other = resultOf(Array(50).fill(1), 1000, [1000, 1000]);
    const sum = mergeResults([one, other]);
    expect(sum.messages.verified).toBe(150);
    expect(sum.duration_s).toBe(3);
    expect(sum.rate.messages_per_s).toBe(50);
    expect(sum.connections).toMatchObject({ requested: 100, established: 100, peak: 100 });
    expect(sum.config).toMatchObject({ connections: 100, workers: 2, size: 64, seed: 42 });
    expect(sum.started_at).toBe(one.started_at);
    expect(sum.timeline.map((row) => row.sent)).toEqual([3, 10 + 3, 10]);
    expect(timesOf(sum.config.parts as never)).toEqual({ any: 3, all: 1 });
  });

  it("does not count a pause between runs as time, nor connections of runs that never met", () => {
    const sum = mergeResults([resultOf([1], 0, [1000]), resultOf([1], 60_000, [1000])]);
    expect(sum.duration_s).toBe(2);
    expect(sum.connections.peak).toBe(50);
    expect(timesOf(sum.config.parts as never).all).toBe(0);
  });

  it("leaves out a setting on which the runs differ", () => {
    const other = resultOf([1], 0, [1000]);
    const sum = mergeResults([resultOf([1], 0, [1000]), {
      ...other,
      config: { ...other.config, size: 32 },
    }]);
    expect("size" in sum.config).toBe(false);
    expect(describeLoad(sum)).toContain(", messages of several sizes, 1 in flight each, closed ");
    expect(describeVerified(sum)).toBe("2 of 2 messages, every byte of 96");
    const random = resultOf([1], 0, [1000]);
    const more = { ...random, config: { ...random.config, maxSize: 128 } };
    const all = [mergeResults([sum, more]), mergeResults([more, sum])];
    for (const one of all) {
      expect(describeVerified(one)).toBe("3 of 3 messages, every byte of each");
    }
  });

  it("says of no setting on which the runs differ that it has its default", () => {
    const sum = mergeResults(["a", "b"].map((message, i) => {
      const made = resultOf([1], 0, [1000]);
      const expect = i === 0 ? "line" : "bytes:1";
      return { ...made, config: { ...made.config, message, expect, pipeline: i + 1 } };
    }));
    expect(describeLoad(sum)).toBe("100 connections, different messages, closed loop, 1.00 s");
    expect(describeVerified(sum)).toBe("2 of 2 replies are what each part expects");
  });

  it("has the worst verdict, and no thresholds: these are judged anew", () => {
    const good = resultOf(Array(99).fill(1), 0, [1000]);
    const slow = resultOf([80], 0, [1000], {
      thresholds: [{ expression: "p50<5ms", value: 80_000, ok: false }],
      verdict: "fail",
    });
    expect(mergeResults([good, slow])).toMatchObject({ verdict: "pass", thresholds: [] });
    const other = resultOf([1], 0, [1000]);
    expect(mergeResults([good, { ...other, verdict: "fail" }]).verdict).toBe("fail");
    const busy = { ...other, generator: { ...other.generator, bottleneck: true } };
    expect(mergeResults([good, { ...busy, verdict: "invalid" }]).verdict).toBe("invalid");
    const lossy = { ...good, messages: { ...good.messages, lost: 1 }, verdict: "fail" as const };
    expect(mergeResults([{ ...busy, verdict: "invalid" }, lossy]).verdict).toBe("fail");
  });

  it("says that it is partial when something is missing or is partial itself", () => {
    const one = resultOf([1], 0, [1000]);
    const other = resultOf([1], 0, [1000]);
    expect(mergeResults([one, other]).partial).toBe(false);
    expect(mergeResults([one], { missing: true }).partial).toBe(true);
    expect(mergeResults([one, { ...other, partial: true }]).partial).toBe(true);
  });

  it("takes the counters of one machine as they are, and adds those of several up", () => {
    const at = (target: string, kernel: Record<string, number> | null) =>
      resultOf([1], 0, [1000], { target, kernel });
    const local = [at("127.0.0.1:1", { ListenDrops: 3, a: 1 }), at("127.0.0.1:1", null)];
    expect(mergeResults([...local, at("127.0.0.1:1", { ListenDrops: 2 })]).kernel)
      .toEqual({ ListenDrops: 3, a: 1 });
    const remote = [at("10.0.0.1:1", { ListenDrops: 3 }), at("10.0.0.1:1", { ListenDrops: 2 })];
    expect(mergeResults(remote).kernel).toEqual({ ListenDrops: 5 });
    expect(mergeResults(remote, { oneMachine: true }).kernel).toEqual({ ListenDrops: 3 });
  });

  it("refuses what would count a run twice: a result, or a sum beside one of its parts", () => {
    const [a, b, c] = [1, 2, 3].map((ms) => resultOf([ms], 0, [1000])) as [Result, Result, Result];
    const names = ["a.json", "b.json"];
    const copy = { ...a, thresholds: [{ expression: "p50<1us", value: 1000, ok: false }] };
    expect(() => mergeResults([a, copy], { names })).toThrow(
      /^Cannot add up a\.json and b\.json: both have the run of 127\.0\.0\.1:9999 at 2026-01-31/,
    );
    expect(() => mergeResults([b, mergeResults([a, b])], { names })).toThrow(/both have the run/);
    const sorted = (value: unknown): unknown =>
      Array.isArray(value) || value === null || typeof value !== "object"
        ? value
        : Object.fromEntries(Object.entries(value).sort().map(([key, of]) => [key, sorted(of)]));
    const rewritten = sorted(b) as Result; // as jq -S and databases write it
    expect(() => mergeResults([b, rewritten], { names })).toThrow(/both have the run/);
    expect(() => mergeResults([mergeResults([b, c]), mergeResults([a, b])])).toThrow(/result 2:/);
    expect(mergeResults([mergeResults([a, b]), c]).messages.verified).toBe(3);
  });

  it("says what limited the part whose generator was worst off, whatever the letters", () => {
    const at = (lag: number, limited_by: string, bottleneck = false) => {
      const result = resultOf([1], 0, [1000]);
      const schedule_lag_us = { p50: 1, p99: lag, max: lag };
      const generator = {
        ...{ ...result.generator, schedule_lag_us, limited_by, bottleneck },
        reason: bottleneck ? limited_by : null,
      };
      return { ...result, generator };
    };
    const some = [at(9000, "late by 9 ms"), at(12_000, "late by 12 ms"), at(10, "zero lag")];
    expect(mergeResults(some).generator.limited_by).toBe(
      "in 2 of the 3 parts: late by 12 ms (figures of one of them); in one part: zero lag",
    );
    const guilty = [at(9000, "held up for 9 ms", true), at(12_000, "held up for 12 ms", true)];
    const [one, other] = guilty as [StressResult, StressResult];
    const late = at(90_000, "late by 90 ms");
    for (
      const all of [[one, other, late], [late, other, one], [mergeResults([late, one]), other]]
    ) {
      expect(mergeResults(all).generator).toMatchObject({
        ...{ bottleneck: true, reason: "held up for 12 ms" },
        limited_by: "in 2 of the 3 parts: held up for 12 ms (figures of one of them); " +
          "in one part: late by 90 ms",
      });
    }
    const same = at(10, "the target's time to reply: 50 in flight; a note");
    expect(mergeResults([same, at(9, "the target's time to reply: 50 in flight")]).generator)
      .toMatchObject({ limited_by: expect.stringMatching(/^in each of the 2 parts: the target/) });
  });

  it("closes when its parts do: what was in flight is the time's average", () => {
    const closed = (startMs: number, asked: number) =>
      resultOf(Array(500).fill(asked * 2 * 0.98), startMs, [1000], {
        in_flight: { asked, average: asked * 0.98, accounted: 0.98 },
      });
    const together = mergeResults([closed(0, 10), closed(0, 20)]);
    expect(together.in_flight!.asked).toBe(30);
    expect(together.in_flight!.accounted).toBeCloseTo(0.98, 2);
    const apart = mergeResults([closed(0, 10), closed(9000, 20)]);
    expect(apart.in_flight!.asked).toBe(15);
    expect(apart.in_flight!.accounted).toBeCloseTo(0.98, 2);
    expect(mergeResults([closed(0, 10), resultOf([1], 0, [9], { in_flight: null })]).in_flight)
      .toBe(null);
  });

  it("refuses an open and a closed loop", () => {
    const open = sampleResult({ open: true, seconds: 1 });
    expect(() => mergeResults([open, sampleResult({ seconds: 1 })])).toThrow(
      /^Cannot add up results whose loops are closed and open \(--rate\)$/,
    );
    const later = { ...open, started_at: "2026-01-02T03:05:00.000Z" };
    const corrected = mergeResults([open, later]).latency_corrected_us!;
    expect(corrected.count).toBe(2 * open.latency_corrected_us!.count);
    expect(corrected.p99).toBe(open.latency_corrected_us!.p99);
  });
});

describe("mergeTimelines", () => {
  const total = (rows: readonly TimelineRow[], key: "sent" | "errors" | "bytes_sent") =>
    rows.reduce((sum, row) => sum + row[key], 0);

  it("loses no count", () => {
    fc.assert(
      fc.property(fc.array(anyResult, { minLength: 1, maxLength: 3 }), (results) => {
        const merged = mergeTimelines(results);
        for (const key of ["sent", "errors", "bytes_sent"] as const) {
          const sum = results.reduce((all, { timeline }) => all + total(timeline, key), 0);
          expect(total(merged, key)).toBe(sum);
        }
        for (const [i, row] of merged.entries()) {
          const before = merged[i - 1]?.t ?? -1;
          expect(row.seconds >= 0 && row.t > before).toBe(true);
          expect(row.t - row.seconds >= before - 1e-9).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("has no two rows of one time, when a run ends in a sliver of another's second", () => {
    const long = resultOf([], 3630, [2497]);
    const short = resultOf([], 4958, [915, 300]);
    const rows = mergeTimelines([long, short]);
    expect(rows.map(({ t, seconds }) => [t, seconds]))
      .toEqual([[0.37, 0.37], [1.37, 1], [2.37, 1], [2.543, 0.173]]);
  });

  it("has the seconds of the clock as rows", () => {
    const one = resultOf([], 250, [1000, 1000, 1000]);
    const other = resultOf([], 500, [1000, 1000, 1000]);
    const rows = mergeTimelines([one, other]);
    expect(rows.map(({ t }) => t)).toEqual([0.75, 1.75, 2.75, 3.25]);
    expect(rows.map(({ seconds }) => seconds)).toEqual([0.75, 1, 1, 0.5]);
    expect(rows.map(({ active }) => active)).toEqual([2, 4, 6, 3]); // one of them ends sooner
    expect(rows.map(({ max }) => max)).toEqual([0, 4, 8, 8]);
  });

  it("counts the connections of a run until its end, and no longer", () => {
    const [short, long] = [resultOf([], 0, [1000, 300]), resultOf([], 0, [1000, 1000, 1000])];
    const active = (...results: Result[]) => mergeTimelines(results).map(({ active }) => active);
    expect(active(short, long)).toEqual([2, 2, 3]);
    expect(active(long, short)).toEqual([2, 2, 3]);
    // Two that end together, but for some milliseconds, both have theirs in the last row.
    expect(active(short, resultOf([], 0, [1000, 304]))).toEqual([2, 4]);
  });

  it("leaves no sliver of a second at the ends", () => {
    const rows = mergeTimelines([
      resultOf([], 990, [1000, 1000]),
      resultOf([], 1010, [1000, 1000]),
    ]);
    expect(rows.map(({ t, seconds }) => [t, seconds])).toEqual([[1.01, 1.01], [2.02, 1.01]]);
    expect(rows.map(({ sent }) => sent)).toEqual([6, 20]);
  });
});

describe("parseResult", () => {
  const text = JSON.stringify(sampleResult({ seconds: 1 }));
  const whole = JSON.parse(text);

  it("reads what --json writes", () => expect(parseResult(text)).toEqual(whole));

  const bad: [what: string, text: string, why: RegExp][] = [
    ["an empty file", "", /it is empty/],
    ["a file that is cut off", text.slice(0, -100), /it is cut off/],
    ["something else", "{]}", /it is no JSON/],
    ["a number", "1", /no result of iomux stress: it has no iomux/],
    [
      "an object without histograms",
      JSON.stringify({ ...whole, histograms: {} }),
      /no histograms\.l/,
    ],
    [
      "one of a version that did not know what never came back",
      JSON.stringify({ ...whole, latency_us: { ...whole.latency_us, unanswered: undefined } }),
      /it has no latency_us\.unanswered/,
    ],
    ["a comparison", JSON.stringify({ ...whole, compare: {} }), /a report of --compare/],
    ["a moment that is none", JSON.stringify({ ...whole, started_at: "x" }), /started_at is "x"/],
    [
      "a word where a figure belongs",
      JSON.stringify({ ...whole, latency_us: { ...whole.latency_us, p90: "fast" } }),
      /^it is damaged: latency_us\.p90 is "fast"$/,
    ],
    [
      "a row without its length",
      JSON.stringify({ ...whole, timeline: [{ ...whole.timeline[0], seconds: undefined }] }),
      /it has no timeline\.0\.seconds/,
    ],
    ["a list of rows that is none", JSON.stringify({ ...whole, timeline: {} }), /timeline is \{\}/],
    [
      "more than a number is",
      text.replace(/"cpu_percent":[^,]*/, '"cpu_percent":1e999'),
      /is null$/,
    ],
    [
      "a damaged histogram",
      JSON.stringify({ ...whole, histograms: { ...whole.histograms, latency: "SElTVEZB" } }),
      /the histogram of latency can't be decoded/,
    ],
    [
      "a histogram of another run",
      JSON.stringify({ ...whole, latency_us: { ...whole.latency_us, count: 7 } }),
      /the histogram of latency has \d+ values, not 7/,
    ],
  ];
  for (const [what, text, why] of bad) {
    it(`refuses ${what}`, () => expect(() => parseResult(text)).toThrow(why));
  }
});
