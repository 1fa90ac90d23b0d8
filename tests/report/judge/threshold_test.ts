// Thresholds: what can be written, what it means, and what is said of what can't.
import { describe, expect, it } from "bun:test";
import { editDistance, nearest } from "../../../lib/text/nearest.ts";
import { parseThreshold, ThresholdError, unfit } from "../../../lib/report/judge/threshold.ts";
import { judge, judged, valueOf } from "../../../lib/report/judge/judge.ts";
import { encodeHistogram } from "../../../lib/result/hdr.ts";
import { Recorder } from "../../../lib/result/recorder.ts";
import { sampleResult } from "../../support/sample_results.ts";

const closed = sampleResult({ seconds: 2 });
const open = sampleResult({ seconds: 2, open: true });

const judgeOne = (text: string, result = open) => judge(result, [parseThreshold(text)])[0]!;

describe("a threshold", () => {
  const read: [text: string, metric: unknown, operator: string, limit: number][] = [
    ["p99<5ms", { kind: "latency", of: 99 }, "<", 5000],
    ["p99.9_corrected<20ms", { kind: "corrected", of: 99.9 }, "<", 20_000],
    ["p99_9<20ms", { kind: "latency", of: 99.9 }, "<", 20_000],
    ["p99.999<=1.5s", { kind: "latency", of: 99.999 }, "<=", 1_500_000],
    [" mean  <  250us ", { kind: "latency", of: "mean" }, "<", 250],
    ["min_corrected>0", { kind: "corrected", of: "min" }, ">", 0],
    ["max<1s", { kind: "latency", of: "max" }, "<", 1e6],
    ["connect_p99<10ms", { kind: "connect", of: 99 }, "<", 10_000],
    ["lag_p99<1ms", { kind: "lag", of: 99 }, "<", 1000],
    ["lag_max<1MS", { kind: "lag", of: "max" }, "<", 1000],
    ["rate>100k", { kind: "rate" }, ">", 100_000],
    ["rate>=1.5m", { kind: "rate" }, ">=", 1_500_000],
    ["errors==0", { kind: "count", name: "errors" }, "==", 0],
    ["mismatches!=1", { kind: "count", name: "mismatches" }, "!=", 1],
    ["timed_out<1k", { kind: "count", name: "timed_out" }, "<", 1000],
  ];
  for (const [text, metric, operator, limit] of read) {
    it(`reads ${text}`, () => {
      expect(parseThreshold(text)).toEqual(
        { expression: text.trim(), metric, operator, limit } as never,
      );
    });
  }

  const wrong: [text: string, why: RegExp][] = [
    ["", /must start with a metric, such as p99<5ms/],
    ["<5ms", /must start with a metric/],
    ["p99", /there is no operator; use one of < <= > >= == !=/],
    ["p99=5ms", /there is no operator =; use one of/],
    ["p99=>5ms", /there is no operator =>/],
    ["p99<", /there is nothing after </],
    ["p99<5", /"5" has no unit: write 5us, 5ms or 5s/],
    ["p99<5 apples", /"5 apples" is not a duration/],
    ["p99<5k", /"5k" is not a duration/],
    ["p99<-5ms", /"-5ms" is not a duration/],
    ["rate>5ms", /"5ms" is not a number, such as 100, 100k/],
    ["errors==none", /"none" is not a number/],
    ["error==0", /no metric error \(did you mean errors\?\): there are p50, .*mismatches/],
    ["p9x<5ms", /no metric p9x \(did you mean p90\?\)/],
    ["P99<5ms", /no metric P99 \(did you mean p99\?\)/],
    ["throughput>5", /there is no metric throughput: there are/],
    ["p0<5ms", /p0 is no percentile/],
    ["p101<5ms", /p101 is no percentile/],
    ["connect_p99_corrected<5ms", /connect_… has no _corrected form/],
    ["lag_p90<5ms", /there are lag_p50, lag_p99 and lag_max/],
  ];
  for (const [text, why] of wrong) {
    it(`says what is wrong with "${text}"`, () => {
      expect(() => parseThreshold(text)).toThrow(ThresholdError);
      expect(() => parseThreshold(text)).toThrow(why);
      expect(() => parseThreshold(text)).toThrow(`threshold "${text}": `);
    });
  }

  it("can be several with commas", () => {
    expect("p99<5ms, errors==0".split(",").map(parseThreshold).map(({ expression }) => expression))
      .toEqual(["p99<5ms", "errors==0"]);
  });
});

describe("a result", () => {
  it("is judged by its own figures", () => {
    expect(judgeOne("p50<1s")).toEqual({
      expression: "p50<1s",
      value: open.latency_us.p50,
      ok: true,
    });
    expect(judgeOne("p50<1us")).toEqual({
      expression: "p50<1us",
      value: open.latency_us.p50,
      ok: false,
    });
    expect(judgeOne("p99.99_corrected>1us").value).toBe(open.latency_corrected_us!.p99_99);
    expect(judgeOne("connect_max<1s").value).toBe(open.connect_us.max);
    expect(judgeOne("lag_p99<1s").value).toBe(80);
    expect(judgeOne("lag_max<1s").value).toBe(910);
    expect(judgeOne("rate>1").value).toBe(open.rate.messages_per_s);
  });

  it("tells any percentile from its histograms", () => {
    const values = [
      "p10",
      "p50",
      "p75",
      "p90",
      "p99",
      "p99.5",
      "p99.9",
      "p99.99",
      "p99.999",
      "p100",
    ]
      .map((name) => judgeOne(`${name}>0`).value);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(values.at(-1)).toBe(open.latency_us.max);
    expect(judgeOne("p99.95_corrected>0").value).toBeGreaterThan(judgeOne("p99.95>0").value);
    // A bucket is at most a 1024th wide.
    expect(judgeOne("p50.00001>0").value / open.latency_us.p50).toBeCloseTo(1, 2);
  });

  it("counts everything that went wrong as errors, and each by its name", () => {
    const bad = sampleResult({ seconds: 1 }, {
      messages: {
        sent: 9,
        received: 1,
        verified: 1,
        mismatched: 1,
        timed_out: 2,
        lost: 4,
        in_flight: 0,
      },
      connections: {
        ...{ requested: 50, established: 42, failed: 8, lost: 16, reconnected: 0, peak: 42 },
      },
    });
    const value = (name: string) => judgeOne(`${name}==0`, bad).value;
    expect(value("errors")).toBe(1 + 2 + 8 + 16);
    expect(value("mismatches")).toBe(1);
    expect(value("timed_out")).toBe(2);
    expect(value("lost")).toBe(4);
    expect(value("failed")).toBe(8);
    expect(value("lost_connections")).toBe(16);
    expect(judgeOne("errors==0", bad).ok).toBe(false);
    expect(judgeOne("errors<=27", bad).ok).toBe(true);
  });

  it("fails for a percentile that falls among messages that were never answered", () => {
    const recorder = new Recorder();
    for (let i = 0; i < 95; i++) recorder.record(1);
    const latency_us = recorder.summary({ count: 5, us: 5e6 });
    const histograms = { ...closed.histograms, latency: encodeHistogram(recorder) };
    const lossy = { ...closed, latency_us, histograms };
    const judged = ["p99<5ms", "p99<60s", "p99>1us", "max<60s", "p96.5<60s", "p95<5ms", "mean<5ms"]
      .map((text) => judgeOne(text, lossy).ok);
    expect(judged).toEqual([false, false, false, false, false, true, true]);
    expect(judgeOne("p99<60s", lossy).value).toBe(5e6);
    expect(judgeOne("p96.5<60s", lossy).value).toBe(5e6);
    const silent = { ...lossy, latency_us: new Recorder().summary({ count: 3, us: 5e6 }) };
    expect(judgeOne("p50<60s", silent)).toMatchObject({ value: 5e6, ok: false });
  });

  it("holds no latency when nothing came back", () => {
    const silent = sampleResult({ seconds: 1 }, {
      latency_us: new Recorder().summary(),
    });
    expect(judgeOne("p99<5ms", silent)).toEqual({ expression: "p99<5ms", value: 0, ok: false });
    expect(valueOf(closed, parseThreshold("p99_corrected<1s").metric)).toBe(null);
  });

  it("compares with every operator", () => {
    const p50 = closed.latency_us.p50;
    const ok = (operator: string, us: number) => judgeOne(`p50${operator}${us}us`, closed).ok;
    for (const limit of [p50 - 1, p50, p50 + 1]) {
      const us = Number(limit.toFixed(1));
      expect(ok("<", us)).toBe(p50 < us);
      expect(ok("<=", us)).toBe(p50 <= us);
      expect(ok(">", us)).toBe(p50 > us);
      expect(ok(">=", us)).toBe(p50 >= us);
      expect(ok("==", us)).toBe(p50 === us);
      expect(ok("!=", us)).toBe(p50 !== us);
    }
  });

  it("fails when one threshold does, whatever it was before", () => {
    const both = ["p50<1s", "p50<1us"].map(parseThreshold);
    expect(judged(closed, both).verdict).toBe("fail");
    expect(judged(closed, both.slice(0, 1)).verdict).toBe("pass");
    expect(judged({ ...closed, verdict: "invalid" }, both.slice(0, 1)).verdict).toBe("invalid");
    expect(judged(closed, both).thresholds.map(({ ok }) => ok)).toEqual([true, false]);
  });
});

describe("a threshold that a run can't be judged by", () => {
  const why = (text: string, kind: { open: boolean; replies: boolean }) =>
    unfit(parseThreshold(text), kind);

  it("is one of a schedule in a closed loop", () => {
    for (const text of ["p99_corrected<1s", "lag_p99<1ms", "unsent==0"]) {
      expect(why(text, { open: false, replies: true })).toMatch(/needs a schedule.*--rate/);
      expect(why(text, { open: true, replies: true })).toBe(undefined);
    }
  });

  it("is one of latencies when no replies are awaited", () => {
    expect(why("p99<1s", { open: false, replies: false })).toMatch(/needs replies/);
    expect(why("connect_p99<1s", { open: false, replies: false })).toBe(undefined);
    expect(why("rate>1", { open: false, replies: false })).toBe(undefined);
  });
});

describe("the nearest word", () => {
  it("differs by little", () => {
    const words = ["connections", "messages", "rate", "ramp"];
    expect(nearest("conections", words)).toBe("connections");
    expect(nearest("Connections", words)).toBe("connections");
    expect(nearest("mesasges", words)).toBe("messages");
    expect(nearest("rat", words)).toBe("rate");
    expect(nearest("banana", words)).toBe(undefined);
    expect(nearest("", words)).toBe(undefined);
  });

  it("counts insertions, deletions, changes and swaps", () => {
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("abc", "abc")).toBe(0);
    expect(editDistance("abc", "acb")).toBe(1);
    expect(editDistance("kitten", "sitting")).toBe(3);
  });
});
