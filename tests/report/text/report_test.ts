// The report for people: each row, when it is there, and what it says.
import { describe, expect, it } from "bun:test";
import { logBuckets } from "../../../lib/report/text/distribution.ts";
import { bar, drawDistributions } from "../../../lib/report/text/drawing.ts";
import { Recorder } from "../../../lib/result/recorder.ts";
import { confidenceOf } from "../../../lib/report/judge/confidence.ts";
import { judge } from "../../../lib/report/judge/judge.ts";
import { parseThreshold } from "../../../lib/report/judge/threshold.ts";
import { formatReport } from "../../../lib/report/text/report.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { sampleResult, withLatencies } from "../../support/sample_results.ts";

const report = (result: StressResult, width = 1000) => formatReport(result, width);

/** The rows of a report by their names; the drawing is left out. */
function rowsOf(text: string): Map<string, string> {
  const rows = new Map<string, string>();
  for (const line of text.split("\n")) {
    const name = line.slice(0, 12).trim();
    if (/^[a-z]/.test(line)) rows.set(name, line.slice(12));
  }
  return rows;
}
const row = (result: StressResult, name: string) => rowsOf(report(result)).get(name);
const withConfig = (config: Record<string, unknown>, change: Partial<StressResult> = {}) => {
  const sample = sampleResult({ seconds: 1 });
  return { ...sample, ...change, config: { ...sample.config, ...config } };
};

describe("the rows of a report", () => {
  it("are in this order: what was done, and then how far to trust it", () => {
    expect([...rowsOf(report(sampleResult())).keys()]).toEqual([
      ...["target", "load", "verified", "rate", "schedule", "latency", "note", "connect"],
      ...["closure", "connections", "errors", "kernel", "generator", "limited by", "verdict"],
    ]);
  });

  it("obey no control characters of a file that others have written", () => {
    const limited_by = "the\ttarget\u202e";
    const { generator, ...sample } = sampleResult({}, {
      target: "unix:/a\nverdict     pass\x1b[2J",
    });
    const text = report({ ...sample, generator: { ...generator, limited_by } });
    expect(text.split("\n")[0]).toBe("target      unix:/a\\nverdict     pass\\e[2J");
    expect(text).toContain("limited by  the\\ttarget\\u{202e}\n");
  });

  it("have both latencies in an open loop, and say which is which", () => {
    const rows = rowsOf(report(sampleResult({ open: true })));
    expect(rows.get("latency")).toMatch(/max [34]\.\d+ ms +from the real send$/);
    expect(rows.get("corrected")).toMatch(/max 9\d\d ms +from the scheduled send$/);
    expect(rows.get("load")).toContain("open loop at 4,200 messages/s");
    expect(rows.get("schedule")).toMatch(
      /^[\d,]+ messages due, all sent, late by p50 12.0 us, p99 80.0 us, max 910 us$/,
    );
  });

  it("say what leaving together has added to the lateness, and why", () => {
    const sample = sampleResult({ open: true });
    const timer_us = { p50: 55, p99: 152, together: 152, added: 61.2 };
    expect(row({ ...sample, generator: { ...sample.generator, timer_us } }, "schedule")).toMatch(
      /max 910 us; 61.2 us of that on average as messages due within 152 us leave together \(a timer is that late here, p99\)$/,
    );
    const capped = { ...timer_us, p99: 2029, together: 300 };
    const generator = { ...sample.generator, timer_us: capped };
    expect(row({ ...sample, generator }, "schedule")).toMatch(
      /due within 300 us leave together \(at most 300 us; a timer is 2.03 ms late here, p99\)$/,
    );
  });

  it("have the kernel's own round trip where it is known", () => {
    expect(row(sampleResult({ open: true }), "kernel rtt")).toMatch(
      /^31.0 us ±12.0 us: .* to its ACK, as the run ended \(50 connections\)$/,
    );
    expect(row(sampleResult(), "kernel rtt")).toBe(undefined);
  });

  it("name sizes at random and messages in turn as what they are", () => {
    const sizes = withConfig({ size: 64, maxSize: 4096 });
    expect(row(sizes, "load")).toContain(", 64 B to 4.00 KiB messages, ");
    expect(row(sizes, "verified")).toContain(" messages, every byte of each");
    const script = withConfig({ script: [{ message: "a" }, { message: "b" }] });
    expect(row(script, "load")).toContain(", 2 messages in turn, ");
    expect(row(script, "verified")).toContain(" replies are what their messages ask for");
    expect(row(withConfig({ script: [{}, {}], shuffle: true }), "load")).toContain("at random");
  });

  it("say that a closed loop hides what it holds up", () => {
    expect(row(sampleResult(), "schedule")).toMatch(/^none: .*coordinated omission/);
  });

  it("tell how much of the schedule was never sent", () => {
    const sample = sampleResult({ open: true });
    const generator = { ...sample.generator, scheduled: 5000, unsent: 1234 };
    expect(row({ ...sample, generator }, "schedule")).toMatch(
      /^5,000 messages due, 1,234 not sent, the others late by/,
    );
  });

  it("name the first wrong byte", () => {
    const sample = sampleResult();
    const changed: StressResult = {
      ...sample,
      messages: { ...sample.messages, mismatched: 2, lost: 5 },
      first_mismatch: {
        ...{ connection: 3, offset: 12345, expected: "00ff", actual: "" },
        kind: "duplicated",
      },
    };
    expect(row(changed, "verified")).toMatch(
      /; 2 mismatched, 5 lost; first: duplicated at byte 12,345 of connection 3, expected 00ff, got the end$/,
    );
  });

  it("have the counters of the kernel that rose, and only these", () => {
    expect(row(sampleResult({}, { kernel: { ListenDrops: 1200, RetransSegs: 0 } }), "kernel"))
      .toBe("ListenDrops +1,200 (of the whole system)");
    expect(row(sampleResult(), "kernel")).toMatch(/^none of 4 counters rose/);
    expect(row(sampleResult({}, { kernel: null }), "kernel")).toBe(undefined);
  });

  it("have the slowest connections when TCP says something of them", () => {
    const slow = {
      ...{ connection: 7, latency_us: 400, rtt_us: 50, rtt_variation_us: 3, retransmits: 0 },
      ...{ lost_segments: 0, congestion_window: 10, unacknowledged: 0 },
    };
    const slowest = (change: Partial<typeof slow>) =>
      row(sampleResult({}, { slowest: [{ ...slow, ...change }] }), "slowest");
    expect(slowest({})).toBe(undefined);
    expect(slowest({ retransmits: 1 })).toMatch(
      /^connection 7 400 us, round trip 50.0 us, 1 segment sent again.*: the network$/,
    );
    expect(slowest({ latency_us: 203_000 })).toMatch(/203 ms, .*: not the network$/);
  });

  it("have each threshold with the value that it was judged by", () => {
    const thresholds = [
      { expression: "p99<5ms", value: 1234.5, ok: true },
      { expression: "rate>100k", value: 4164.25, ok: false },
      { expression: "errors==0", value: 1000, ok: false },
      { expression: "rate>0.5", value: 1 / 3, ok: false },
    ];
    const lines = report(sampleResult({}, { thresholds, verdict: "fail" })).split("\n")
      .filter((line) => line.startsWith("threshold"));
    expect(lines.map((line) => line.slice(12))).toEqual([
      "ok      p99<5ms: 1.23 ms",
      "FAILED  rate>100k: 4164.3",
      "FAILED  errors==0: 1,000",
      "FAILED  rate>0.5: 0.333",
    ]);
  });

  it("caution when the generator was the limit, without saying it twice", () => {
    const sample = sampleResult();
    const reason = "a generator thread used 99 % of a CPU";
    const generator = { ...sample.generator, bottleneck: true, reason, limited_by: reason };
    const rows = rowsOf(report({ ...sample, generator, verdict: "invalid" }));
    expect([rows.get("caution"), rows.get("limited by")]).toEqual([reason, undefined]);
    expect(rows.get("verdict")).toBe("invalid");
  });

  it("mark a verdict on less than was asked for", () => {
    expect(row(sampleResult({}, { interrupted: true }), "verdict")).toBe("pass (interrupted)");
    expect(row(sampleResult({}, { interrupted: true, partial: true }), "verdict"))
      .toBe("pass (interrupted, partial)");
  });

  it("tell of reconnects, of timeouts, and of values above the range", () => {
    const sample = sampleResult();
    const rows = rowsOf(report({
      ...sample,
      connections: { ...sample.connections, established: 1200, reconnected: 1150, lost: 2 },
      messages: { ...sample.messages, timed_out: 1000 },
      histograms: { ...sample.histograms, overflow: 3 },
    }));
    expect(rows.get("connections"))
      .toBe("1,200 established, 1,150 of them again, at most 50 at once, 0 failed, 2 lost");
    expect(rows.get("errors")).toBe("1,002: 2 connections lost, 1,000 timed out");
    expect(rows.get("overflow")).toMatch(/^3 latencies above 429 s/);
  });

  it("have mean and standard deviation, and rare percentiles where there are enough messages", () => {
    const summary = sampleResult().latency_us;
    const of = (count: number) => ({ ...sampleResult(), latency_us: { ...summary, count } });
    const latency = (count: number) => row(of(count), "latency")!;
    expect(latency(9999)).toMatch(
      /^min [\d.]+ us {3}mean [\d.]+ us ±[\d.]+ us {3}p50 .* {3}p90 .* {3}p99 [\d.]+ \w+ {3}max/,
    );
    expect(row(of(9999), "note")).toBe(
      "9,999 messages: p99.9 needs 10,000, so that 10 are beyond it",
    );
    expect(latency(10_000)).toMatch(/ p99\.9 [\d.]+ \w+ {3}max/);
    expect(row(of(99_999), "note")).toMatch(/: p99\.99 needs 100,000/);
    expect(latency(1_000_000)).toMatch(/ p99\.9 .* p99\.99 .* p99\.999 /);
    expect(row(of(1_000_000), "note")).toBe(undefined);
  });

  it("say what percentiles are above, when messages were never answered", () => {
    const sample = sampleResult();
    const recorder = new Recorder();
    for (let i = 0; i < 9500; i++) recorder.record(0.2);
    const latency_us = recorder.summary({ count: 500, us: 5e6 });
    const messages = { ...sample.messages, timed_out: 500 };
    const thresholds = judge({ ...sample, latency_us }, [parseThreshold("p99<5s")]);
    const rows = rowsOf(report({ ...sample, latency_us, messages, thresholds, verdict: "fail" }));
    expect(rows.get("latency")).toMatch(/p90 200 us {3}p99 over 5\.00 s {3}p99\.9 over 5\.00 s/);
    expect(rows.get("latency")).toMatch(/max over 5\.00 s$/);
    expect(rows.get("threshold")).toBe("FAILED  p99<5s: over 5.00 s");
    const early = [{ expression: "p99<4ms", value: 4560, ok: false }]; // as --abort-on leaves it
    expect(
      row({ ...sample, latency_us, messages, thresholds: early, aborted: true }, "threshold"),
    )
      .toBe("FAILED  p99<4ms: 4.56 ms when it was ended; over 5.00 s in all");
    const none = { ...sample, latency_us: new Recorder().summary() };
    const nothing = judge(none, [parseThreshold("p99<5s")]);
    expect(row({ ...none, thresholds: nothing, verdict: "fail" }, "threshold"))
      .toBe("FAILED  p99<5s: nothing was measured");
  });

  it("close: what was in flight is accounted for, and how steady the rate was", () => {
    const sample = sampleResult();
    const timeline = sample.timeline.map((r, i) => ({ ...r, received: i % 2 === 0 ? 990 : 1010 }));
    const closed = { ...sample, timeline };
    expect(row(closed, "closure")).toBe(
      "49.1 of 50 in flight accounted for (98 %); rate steady to ±1.1 % from second to second",
    );
    expect(row({ ...closed, in_flight: null }, "closure")).toMatch(/^rate steady to ±1\.1 %/);
    // A server that answers after 200 ms, 50 at a time: neither the start nor the drain is unsteady.
    const late = timeline.slice(0, 5).map((r, i) => ({
      ...{ ...r, t: i + 1, seconds: 1, received: [200, 250, 250, 250, 300][i]! },
      drained: i === 4 ? 50 : 0,
    }));
    const latency_us = { ...sample.latency_us, min: 200_000 };
    expect(row({ ...closed, latency_us, in_flight: null, timeline: late }, "closure"))
      .toBe("rate steady to ±0.0 % from second to second");
    expect(row({ ...closed, timeline: timeline.slice(0, 2) }, "closure")).toMatch(/\(98 %\)$/);
    const ramp = { ...closed, config: { ...closed.config, rampMs: 2000 } };
    expect(row(ramp, "closure")).toMatch(/\(98 %\)$/); // its rate was to change
    const some = { asked: 5.912, average: 5.87, accounted: 0.993 }; // connections that came and went
    expect(row({ ...ramp, in_flight: some }, "closure"))
      .toBe("5.9 of 5.9 in flight accounted for (99 %)");
    // Those that stages let go have their last message in flight beyond what is asked for.
    const beyond = { asked: 2.262, average: 2.933, accounted: 1.2966 };
    expect(row({ ...ramp, in_flight: beyond }, "closure"))
      .toBe("2.9 of 2.3 in flight accounted for (100 %)");
    const short = { ...closed, in_flight: null, timeline: [] };
    expect(row(short, "closure")).toBe(undefined);
  });

  it("say loudly when the confidence that was asked for was not reached", () => {
    const rounds = [1000, 1100, 900].map((rate) => {
      const sample = sampleResult({ seconds: 1 });
      return { ...sample, rate: { ...sample.rate, messages_per_s: rate } };
    });
    const of = (wanted: number) =>
      row({ ...rounds[0]!, confidence: confidenceOf(rounds, wanted)! }, "confidence");
    const figures = String.raw`rate [\d,]+ to [\d,]+ messages/s \(±\d+\.\d %\), p99 .*$`;
    expect(of(50)).toMatch(new RegExp(`^95 % confidence after 3 rounds: ${figures}`));
    expect(of(5)).toMatch(
      new RegExp(`^NOT within ±5 % after 3 rounds; with 95 % confidence: ${figures}`),
    );
  });

  it("have the drain beside the rate, which it is no part of", () => {
    expect(row(sampleResult({}, { drain_s: 0.2 }), "rate")).toMatch(
      /messages\/s, .*\/s; the last replies came 200 ms after the stop$/,
    );
  });

  it("fit the terminal, wrapped between words", () => {
    const sample = sampleResult({ open: true, seconds: 4 });
    const thresholds = judge(sample, [parseThreshold("p99_corrected<5ms")]);
    for (const width of [40, 60, 80, 120]) {
      const text = report({ ...sample, thresholds }, width);
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
      expect(text).toMatch(/^corrected +min/m);
      const loose = (text: string) => text.replace(/\s+/g, " ");
      if (width > 80) continue;
      expect(loose(text)).toContain(row(sample, "schedule")!.replace(/\s+/g, " "));
    }
  });

  it("have no latency where no reply was awaited", () => {
    const text = report(withConfig({ expect: "none" }));
    expect([...rowsOf(text).keys()]).not.toContain("latency");
    expect(text).not.toContain("up to");
    expect(rowsOf(text).get("verified")).toMatch(/^nothing \(--expect none\); [\d,]+ messages/);
  });

  const loads: [config: Record<string, unknown>, words: string][] = [
    [{ hold: true }, "one message each and then idle"],
    [{ thinkMs: 20 }, "closed loop, 20.0 ms between a reply and the next"],
    [{ messagesPerConnection: 1 }, "connected anew after every 1 message,"],
    [{ tickMs: 1 }, "due together every 1.00 ms"],
    [{ connectRate: 2000, rampMs: 1500 }, "2,000 connects/s, started within 1.50 s"],
    [{ warmupMs: 2000 }, "not counting 2.00 s of warm-up"],
    [{ message: "PING\\r\\n" }, 'message "PING\\r\\n"'],
    [{ message: 'a\r\n"' }, 'message "a\\r\\n\\""'],
    [{ message: "x".repeat(100) }, `message "${"x".repeat(60)}…", `],
  ];
  for (const [config, words] of loads) {
    it(`describe the load: ${words}`, () => {
      expect(row(withConfig(config), "load")).toContain(words);
    });
  }

  const checks: [config: Record<string, unknown>, words: RegExp][] = [
    [{}, / messages, every byte of [\d,]+$/],
    [{ message: "x" }, / messages came back as sent, byte for byte$/],
    [{ message: "x", expect: "upper" }, / messages came back in upper case$/],
    [{ expect: "line" }, / replies are a line, whatever it says$/],
    [{ expect: "http" }, / replies are HTTP with a status of 2xx$/],
    [{ expect: "until:END\\r\\n" }, / replies are anything that ends with "END\\r\\n"$/],
    [{ expect: "bytes:5" }, / replies are 5 bytes, whatever they are$/],
    [{ expect: "/a+/i" }, / replies are a match of \/a\+\/i$/],
    [{ expect: "+PONG\r\n" }, / replies are "\+PONG\\r\\n"$/],
  ];
  for (const [config, words] of checks) {
    it(`say what was verified: ${words.source}`, () => {
      expect(row(withConfig(config), "verified")).toMatch(words);
    });
  }
});

describe("the drawing of latencies", () => {
  const of = (...ms: number[]) => {
    const recorder = new Recorder();
    for (const value of ms) recorder.record(value);
    return recorder;
  };
  const draw = (...recorders: Recorder[]) =>
    drawDistributions(recorders.map((recorder, i) => ({ title: `no. ${i}`, recorder })), 80);

  it("has every value in one bucket, whose bound is not below it", () => {
    const values = Array.from({ length: 300 }, (_, i) => 0.01 * 1.03 ** i);
    const buckets = logBuckets([of(...values)]);
    expect(buckets.length).toBeGreaterThan(4);
    expect(buckets.length).toBeLessThan(17);
    let below = 0;
    for (const { upTo, counts } of buckets) {
      const expected = values.filter((ms) => ms * 1000 <= upTo && ms * 1000 > below).length;
      // A value at a bound may be of either side, as the recorder's own buckets are 0.1 % wide.
      expect(Math.abs(counts[0]! - expected)).toBeLessThan(2);
      below = upTo;
    }
    expect(buckets.reduce((sum, { counts }) => sum + counts[0]!, 0)).toBe(300);
  });

  it("stays fine when one value is far away", () => {
    const near = Array.from({ length: 500 }, (_, i) => 0.02 + i * 0.0005);
    const buckets = logBuckets([of(...near, 60_000)]);
    expect(buckets.filter(({ counts }) => counts[0]! > 0).length).toBeGreaterThan(5);
    expect(buckets.filter(({ counts }) => counts[0] === 0).length).toBe(1);
  });

  it("shows two on the same rows and scale, each with its own share", () => {
    const lines = draw(of(1, 1, 1, 1), of(1, 900)).trimEnd().split("\n");
    expect(lines[0]!.trim().split(/ {2,}/)).toEqual(["up to", "no. 0", "no. 1"]);
    expect(lines[1]).toMatch(/1\.00 ms +█{22} 4 100\.00 % +█{11} +1 +50\.00 %$/);
    expect(lines.at(-1)).toMatch(/^ +\d+ ms +0 +0\.00 % +█{11} +1 +50\.00 %$/);
  });

  it("never rounds something to nothing, nor less than all to all", () => {
    const recorder = of(500);
    recorder.recordUnits(10_000, 99_999);
    const text = draw(recorder);
    expect(text).toContain(" 99,999 >99.99 %");
    expect(text).toMatch(/▏ +1 +<0\.01 %$/m);
  });

  it("is empty without values, and draws 0", () => {
    expect(draw(new Recorder())).toBe("");
    expect(draw(of(0))).toMatch(/█ 1 100\.00 %/);
  });

  it("is as wide as it says", () => {
    expect([0, 0.001, 0.5, 1].map((share) => bar(share, 4))).toEqual([
      ...["    ", "▏   ", "██  ", "████"],
    ]);
  });

  it("of a result is that of its histograms", () => {
    const sample = sampleResult({ seconds: 1 });
    const recorder = new Recorder();
    recorder.recordUnits(50_000, 77);
    const text = report(withLatencies(sample, recorder));
    expect(text).toMatch(/^ +5\.\d+ ms +█+ 77 100\.00 %$/m);
  });
});
