// The percentile distribution: read back as the HdrHistogram tools do, and compared with what was recorded.
import { describe, expect, it } from "bun:test";
import { hgrmFiles, insertBeforeExtension } from "../../lib/report/hgrm.ts";
import { Recorder } from "../../lib/result/recorder.ts";
import { randomOf, sampleResult, withLatencies } from "../support/sample_results.ts";

/** A row of the format: "Value Percentile TotalCount 1/(1-Percentile)", of which the last has no last. */
interface Point {
  value: number;
  percentile: number;
  total: number;
  inverse: number | undefined;
}

function read(text: string): { points: Point[]; footer: Record<string, number> } {
  const [header, empty, ...lines] = text.trimEnd().split("\n");
  expect(header!.trim().split(/\s+/)).toEqual([
    ...["Value", "Percentile", "TotalCount", "1/(1-Percentile)"],
  ]);
  expect(empty).toBe("");
  const points: Point[] = [];
  const footer: Record<string, number> = {};
  for (const line of lines) {
    if (line.startsWith("#[")) {
      for (const [, name, value] of line.matchAll(/([A-Za-z][A-Za-z ]*?)\s*=\s*([\d.]+)/g)) {
        footer[name!] = Number(value);
      }
      continue;
    }
    const [value, percentile, total, inverse, ...more] = line.trim().split(/\s+/).map(Number);
    expect(more).toEqual([]);
    points.push({ value: value!, percentile: percentile!, total: total!, inverse });
  }
  return { points, footer };
}

describe("a percentile distribution", () => {
  const random = randomOf(7);
  const recorded = Array.from({ length: 5000 }, () => 0.05 + 2 * random() ** 8);
  const recorder = new Recorder();
  for (const ms of recorded) recorder.record(ms);
  const sample = sampleResult();
  const [file, ...more] = hgrmFiles(withLatencies(sample, recorder), "x.hgrm");
  const { points, footer } = read(file!.text);

  it("has at every row as many values as do not exceed the row's", () => {
    expect(points.length).toBeGreaterThan(30);
    for (const { value, total } of points) {
      // A value counts with the highest of its bucket, which is 0.1 % wide.
      const atMost = (us: number) => recorded.filter((ms) => ms * 1000 <= us).length;
      expect(total).toBeGreaterThanOrEqual(atMost(value * 0.998 - 0.1));
      expect(total).toBeLessThanOrEqual(atMost(value * 1.002 + 0.1));
    }
  });

  it("goes from the least to all, without a step back", () => {
    expect(points[0]!.percentile).toBe(0);
    expect(points.at(-1)!.percentile).toBe(1);
    expect(points.at(-1)!.total).toBe(5000);
    points.slice(1).forEach((point, i) => {
      for (const column of ["value", "percentile", "total"] as const) {
        expect(point[column]).toBeGreaterThanOrEqual(points[i]![column]);
      }
    });
  });

  it("tells in its last column how rare what lies beyond is", () => {
    expect(points.at(-1)!.inverse).toBe(undefined);
    for (const { percentile, inverse } of points.slice(0, -1)) {
      expect(Math.abs(inverse! * (1 - percentile) - 1)).toBeLessThan(0.01);
    }
  });

  it("ends with mean, maximum, count and the layout", () => {
    const mean = recorded.reduce((sum, ms) => sum + ms, 0) / 5;
    expect(Math.abs(footer.Mean! - mean)).toBeLessThan(mean * 0.002);
    // To the tenth of a microsecond that is recorded, and not to a bucket's width.
    expect(footer.Max).toBe(recorder.summary().max);
    expect(footer["Total count"]).toBe(5000);
    expect(footer.SubBuckets).toBe(2048);
    expect(Object.keys(footer)).toEqual([
      ...["Mean", "StdDeviation", "Max", "Total count", "Buckets", "SubBuckets"],
    ]);
  });

  it("has the messages that were never answered among its slowest", () => {
    const { latency_us } = sample;
    const late = {
      ...sample,
      config: { ...sample.config, timeoutMs: 300 },
      latency_us: { ...latency_us, unanswered: Math.floor(latency_us.count / 4) },
    };
    const { points, footer } = read(hgrmFiles(late, "x.hgrm")[0]!.text);
    expect([footer.Max, footer["Total count"]]).toEqual([
      300_000,
      latency_us.count + Math.floor(latency_us.count / 4),
    ]);
    const last = points.find(({ percentile }) => percentile > 0.81)!;
    expect(Math.abs(last.value - 300_000)).toBeLessThan(300);
  });

  it("is one file in a closed loop", () => {
    expect([file!.path, more]).toEqual(["x.hgrm", []]);
  });
});

describe("the percentile distributions of an open loop", () => {
  it("are two files, of which the second has the stall that the first does not see", () => {
    const result = sampleResult({ open: true });
    const [real, corrected] = hgrmFiles(result, "out/run.hgrm");
    expect([real!.path, corrected!.path]).toEqual(["out/run.hgrm", "out/run-corrected.hgrm"]);
    const max = (text: string) => read(text).footer.Max!;
    expect(max(real!.text)).toBeLessThan(100_000);
    expect(max(corrected!.text)).toBeGreaterThan(500_000);
  });
});

describe("what is inserted into the name of a file", () => {
  const cases: [path: string, name: string][] = [
    ["a", "a-x"],
    ["a.hgrm", "a-x.hgrm"],
    ["a.b.c", "a.b-x.c"],
    ["../a.d/e", "../a.d/e-x"],
    ["./.hidden", "./.hidden-x"],
    ["C:\\a.b\\c", "C:\\a.b\\c-x"],
  ];
  for (const [path, name] of cases) {
    it(`${path} becomes ${name}`, () => expect(insertBeforeExtension(path, "-x")).toBe(name));
  }
});
