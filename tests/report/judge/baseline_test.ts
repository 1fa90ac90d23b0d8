// The comparison with an earlier result.
import { describe, expect, it } from "bun:test";
import {
  compareWithBaseline,
  differences,
  withBaseline,
} from "../../../lib/report/judge/baseline.ts";
import { baselineRows, baselineTable } from "../../../lib/report/baseline.ts";
import type { Distribution } from "../../../lib/result/recorder.ts";
import type { StressResult, TimelineRow } from "../../../lib/result/result.ts";
import { randomOf, sampleResult } from "../../support/sample_results.ts";

const sample = sampleResult({ seconds: 1 });

/** A result whose seconds vary by a part of these figures. */
function resultOf(
  { rate = 10_000, p50 = 100, p99 = 400, seconds = 10, varies = 0.02, seed = 1 },
): StressResult {
  const random = randomOf(seed);
  const around = (value: number) => value * (1 + varies * (2 * random() - 1));
  return {
    ...sample,
    rate: { ...sample.rate, messages_per_s: rate },
    latency_us: { ...sample.latency_us, p50, p99 },
    timeline: Array.from({ length: seconds }, (_, i) => ({
      ...sample.timeline[0]!,
      t: i + 1,
      seconds: 1,
      received: around(rate),
      p50: around(p50),
      p99: around(p99),
    })),
  };
}

const base = resultOf({});
const against = (now: StressResult, before = base) => compareWithBaseline(now, before, "base.json");
const changes = (now: StressResult, before = base) =>
  against(now, before).measures.map(({ name, change }) => `${name} ${change}`);

const SAME = "no significant difference";

/** A result of an open loop with such corrected percentiles, and rows that `change` makes at random. */
function openResult(
  corrected: Partial<Distribution>,
  seed: number,
  change: (random: () => number) => Partial<TimelineRow>,
): StressResult {
  const random = randomOf(seed);
  const one = sampleResult({ seconds: 6, open: true });
  return {
    ...one,
    latency_corrected_us: { ...one.latency_corrected_us!, ...corrected },
    timeline: one.timeline.map((row) => ({ ...row, ...change(random) })),
  };
}

describe("a result against its baseline", () => {
  it("is the same when it varies as much by itself", () => {
    expect(changes(resultOf({ seed: 2, rate: 10_100, p50: 99, p99: 404 })))
      .toEqual([`rate ${SAME}`, `p50 ${SAME}`, `p99 ${SAME}`]);
  });

  it("is worse with a lower rate and higher latencies, and says which", () => {
    const report = against(resultOf({ seed: 2, rate: 9000, p50: 110, p99: 600 }));
    expect(report.regressed).toEqual(["rate", "p50", "p99"]);
    const [rate, p50, p99] = report.measures;
    expect(rate!.ratio).toBe(0.9);
    expect(rate!.interval!.high).toBeLessThan(1);
    expect(rate!.interval!.low).toBeGreaterThan(0.85);
    expect(p50!.interval!.low).toBeGreaterThan(1);
    expect(p99!.change).toBe("worse");
    expect(report.seconds).toEqual({ before: 10, now: 10 });
  });

  it("is better with a higher rate, which is no regression", () => {
    const report = against(resultOf({ seed: 2, rate: 12_000, p50: 80, p99: 300 }));
    expect(report.measures.map(({ change }) => change)).toEqual(["better", "better", "better"]);
    expect(report.regressed).toEqual([]);
  });

  it("does not mind less than 5 %, however sure it is", () => {
    const report = against(
      resultOf({ seed: 2, rate: 9700, varies: 0.001 }),
      resultOf({ varies: 0.001 }),
    );
    expect(report.measures[0]!.interval!.high).toBeLessThan(1);
    expect(report.measures[0]!.change).toBe(SAME);
  });

  it("does not mind what may be chance, however much it is", () => {
    const wild = resultOf({ varies: 0.9 });
    expect(changes(resultOf({ seed: 9, rate: 8500, varies: 0.9 }), wild)[0]).toBe(`rate ${SAME}`);
  });

  it("of fewer than three seconds minds only a change by a factor of three", () => {
    const short = resultOf({ seconds: 1 });
    const report = against(resultOf({ seconds: 2, rate: 5000, p99: 1000 }), short);
    expect(report.measures.map(({ interval }) => interval)).toEqual([null, null, null]);
    expect(report.regressed).toEqual([]);
    expect(report.notes[0]).toMatch(/fewer than three whole seconds/);
    expect(against(resultOf({ seconds: 1, rate: 3000, p50: 350, p99: 9000 }), short).regressed)
      .toEqual(["rate", "p50"]);
    expect(against(resultOf({ seconds: 1, rate: 40_000 }), short).measures[0]!.change)
      .toBe("better");
  });

  it("leaves parts of a second out", () => {
    const cut = resultOf({ seed: 2 });
    const last = { ...cut.timeline.at(-1)!, seconds: 0.1, received: 10, p99: 1e6 };
    const report = against({ ...cut, timeline: [...cut.timeline, last] });
    expect(report.seconds.now).toBe(10);
    expect(report.regressed).toEqual([]);
  });

  it("goes by latencies from the scheduled send in an open loop", () => {
    const open = (p99: number, seed: number) =>
      openResult({ p99 }, seed, (random) => ({
        received: 4200,
        p99_corrected: p99 * (0.9 + 0.2 * random()),
      }));
    const report = against(open(9000, 1), open(3000, 2));
    expect(report.regressed).toEqual(["p99"]);
    // As the other figures of the summary are called, where the real send's are p50 and p99.
    const names = ["messages/s", "p50 corrected", "p99 corrected"];
    expect(baselineTable(report).rows.map(([name]) => name)).toEqual(names);
    expect(baselineRows(report).slice(0, 3).map(([, text]) => text.slice(8).split(":")[0]))
      .toEqual(names);
    expect(against(open(3000, 1), open(3000, 2)).regressed).toEqual([]);
  });

  it("has the interval of such a latency from the seconds' own", () => {
    const open = (p50: number, seed: number) =>
      openResult({ p50 }, seed, (random) => ({
        p50: 10 ** (6 * random()), // from the real send: it says nothing
        p50_corrected: p50 * (0.95 + 0.1 * random()),
      }));
    const [, p50] = against(open(2000, 1), open(1000, 2)).measures;
    expect([p50!.name, p50!.ratio, p50!.change]).toEqual(["p50", 2, "worse"]);
    expect(p50!.interval!.low).toBeGreaterThan(1.8);
    expect(p50!.interval!.high).toBeLessThan(2.2);
  });

  it("has no latencies to compare when no replies are awaited", () => {
    const silent = (one: StressResult) => ({
      ...one,
      latency_us: { ...one.latency_us, p50: 0, p99: 0, count: 0 },
      timeline: one.timeline.map((row) => ({ ...row, sent: row.received, received: 0 })),
    });
    const report = against(silent(resultOf({ rate: 5000 })), silent(base));
    expect(report.measures.map(({ name }) => name)).toEqual(["rate"]);
    expect(report.regressed).toEqual(["rate"]);
  });

  it("that was stopped altogether has no ratio, and does not divide by zero", () => {
    const nothing = { ...resultOf({}), rate: { messages_per_s: 0, bytes_per_s: 0 } };
    expect(against(nothing).measures[0]).toMatchObject({ ratio: null, interval: null });
  });

  it("notes what makes it doubtful", () => {
    const other = { ...base, machine: { ...base.machine, cpus: 64 }, verdict: "fail" as const };
    const { notes } = against(resultOf({}), other);
    expect(notes.join("; ")).toMatch(/verdict of the baseline was fail.*another machine.*64 x/);
    expect(against(resultOf({})).notes).toEqual([]);
  });

  it("fails when it is worse, and only then", () => {
    const worse = resultOf({ rate: 5000 });
    expect(withBaseline(worse, against(worse)).verdict).toBe("fail");
    expect(withBaseline(base, against(base)).verdict).toBe("pass");
    expect(withBaseline({ ...base, verdict: "invalid" }, against(base)).verdict).toBe("invalid");
  });

  it("is told in rows and in a table", () => {
    const report = against(resultOf({ seed: 2, rate: 9000, p50: 80 }));
    const texts = baselineRows(report).map(([, text]) => text);
    expect(texts[0]).toMatch(
      /^WORSE {3}messages\/s: 10,000 then, 9,000 now, ratio 0\.90 \[0\.\d\d, 0\.\d\d\]$/,
    );
    expect(texts[1]).toMatch(/^better {2}p50: 100 us then, 80\.0 us now/);
    expect(texts[2]).toMatch(/^same {4}p99/);
    const { head, rows, note } = baselineTable(report);
    expect(rows.every((row) => row.length === head.length)).toBe(true);
    expect(note).toContain("base.json");
  });
});

describe("the loads of two results", () => {
  const load = (change: Record<string, unknown> = {}) => ({ ...sample.config, ...change });

  it("are the same whatever their seed, duration, workers and selectors", () => {
    const change = { seed: 1, durationMs: 5, workers: 4, clientSelector: "poll", warmupMs: 9 };
    expect(differences(load(), load(change))).toEqual([]);
  });

  it("differ by what makes another load, by the names of the options", () => {
    expect(differences(load(), load({ connections: 5 })))
      .toEqual(["--connections was 50 and is 5"]);
    expect(differences(load({ rate: 5 }), load({ rate: null })))
      .toEqual(["--rate was 5 and is not set"]);
    expect(differences(load(), load({ tls: { ca: "x" }, pipeline: 8, expect: "upper" }))).toEqual([
      "--expect was echo and is upper",
      "--pipeline was 1 and is 8",
      "--tls was not set and is on",
    ]);
  });

  it("do not differ by the size of a seeded stream that is not sent", () => {
    expect(differences(load({ message: "x", size: 64 }), load({ message: "x", size: 1 })))
      .toEqual([]);
    const script = [{ message: "x", expect: null }];
    expect(differences(load({ script, size: 64 }), load({ script, size: 1 }))).toEqual([]);
  });

  it("differ by their messages, and by the greatest size", () => {
    expect(differences(load({ maxSize: null }), load({ maxSize: 128 })))
      .toEqual(["--size was not set and is 128"]);
    const all = differences(load(), load({ script: [{ message: "x".repeat(99) }] }));
    expect(all.at(-1)).toMatch(/^--messages-from was not set and is \[.*x…$/);
  });
});
