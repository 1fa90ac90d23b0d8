// The page of a report: what its charts are drawn from, that it needs nothing, and that no text breaks it.
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { decodeHistogram } from "../../../lib/result/hdr.ts";
import { htmlReport } from "../../../lib/report/html/page.ts";
import type { Report } from "../../../lib/report/tables.ts";
import { chartData } from "../../../lib/report/html/data.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { Recorder } from "../../../lib/result/recorder.ts";
import { sampleResult } from "../../support/sample_results.ts";

const page = (content: Omit<Report, "verdict"> & Partial<Report>) =>
  htmlReport({ verdict: "pass", ...content });
const pageOf = (result: StressResult) =>
  page({ title: "a run", results: [{ name: "a run", result }] });

/** What stands in the element with the page's data. */
const dataOf = (html: string) =>
  JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!);

describe("what the charts are drawn from", () => {
  const result = sampleResult({ open: true });
  const { timelines, spectrum, cdf } = chartData([{ name: "x", result }]);
  const recorders = [result.histograms.latency, result.histograms.latency_corrected!]
    .map(decodeHistogram);

  it("is at each 1/(1-p) the percentile p of either latency", () => {
    expect(spectrum.lines.map(({ corrected }) => corrected)).toEqual([false, true]);
    spectrum.lines.forEach(({ values }, line) => {
      spectrum.x.forEach((x, i) => {
        const wanted = recorders[line]!.percentile(100 * (1 - 1 / x!));
        // Both are rounded, x to four digits.
        expect(Math.abs(values[i]! - wanted)).toBeLessThan(wanted * 0.01);
      });
    });
    expect(spectrum.x[0]).toBe(1);
    expect(spectrum.lines[1]!.values.at(-1)).toBeGreaterThan(900_000);
  });

  it("is at each latency the share of the replies that it exceeds", () => {
    const count = (line: number, us: number) =>
      [...recorders[line]!.buckets()].filter(([up]) => up <= us).reduce((n, [, c]) => n + c, 0);
    cdf.lines.forEach(({ values }, line) => {
      cdf.x.forEach((us, i) => {
        const low = count(line, us! * 0.999) / recorders[line]!.count * 100;
        const high = count(line, us! * 1.001) / recorders[line]!.count * 100;
        expect(values[i]!).toBeGreaterThanOrEqual(low - 0.06);
        expect(values[i]!).toBeLessThanOrEqual(high + 0.06);
      });
      expect(values[0]).toBe(0);
      expect(values.at(-1)).toBe(100);
    });
  });

  it("is a point for each second, with what was asked for", () => {
    const [line] = timelines;
    expect(line!.t).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(line!.rate).toEqual(result.timeline.map(({ received }) => received));
    expect(line!.errors).toEqual([0, 0, 0, 3, 0, 0, 0, 0]);
    expect(line!.asked).toEqual(line!.t.map(() => 4200));
    expect(Math.max(...line!.corrected as number[])).toBeGreaterThan(900_000);
  });

  it("follows stages and ramps, from the end of the warm-up", () => {
    const asked = (config: Record<string, unknown>) => {
      const changed = { ...result, config: { ...result.config, ...config } };
      return chartData([{ name: "x", result: changed }]).timelines[0]!.asked!;
    };
    expect(asked({ rampMs: 8000, rate: 800 }).slice(0, 3)).toEqual([50, 150, 250]);
    expect(asked({ rampMs: 8000, rate: 800, warmupMs: 1000 }).slice(0, 3)).toEqual([50, 150, 250]);
    const stages = [2000, 2000].map((durationMs, i) => ({
      durationMs,
      rate: { from: 100 * (i + 1), to: 100 * (i + 1) },
    }));
    expect(asked({ rate: null, stages }).slice(0, 4)).toEqual([100, 100, 200, 200]);
  });

  it("has a closed loop's latencies only, and no schedule", () => {
    const closed = chartData([{ name: "x", result: sampleResult() }]);
    expect(closed.spectrum.lines.length).toBe(1);
    expect([closed.timelines[0]!.asked, closed.timelines[0]!.corrected]).toEqual([null, null]);
  });

  it("is nothing where nothing was answered, and a gap where a second had no reply", () => {
    const sample = sampleResult({ seconds: 3 });
    const none = { ...sample, config: { ...sample.config, expect: "none" } };
    expect(chartData([{ name: "x", result: none }]).spectrum.lines).toEqual([]);
    const timeline = sample.timeline.map((row, i) =>
      i === 1 ? { ...row, received: 0, p50: 0, p90: 0, p99: 0, max: 0 } : row
    );
    const [line] = chartData([{ name: "x", result: { ...sample, timeline } }]).timelines;
    expect([line!.p50[1], line!.max[1], line!.rate[1]]).toEqual([null, null, 0]);
    const empty = sampleResult({ seconds: 0 });
    expect(chartData([{ name: "x", result: empty }]).cdf).toEqual({ x: [], lines: [] });
  });

  it("has fewer points than a long run has seconds, and loses neither counts nor peaks", () => {
    const [row] = result.timeline;
    const timeline = Array.from({ length: 5000 }, (_, i) => ({
      ...{ ...row!, t: i + 1, received: 10, errors: i === 777 ? 9 : 0, active: 5 },
      ...{ max: i === 4321 ? 5e6 : 300, p99_corrected: i === 99 ? 7e6 : 400 },
    }));
    const [line] = chartData([{ name: "x", result: { ...result, timeline } }]).timelines;
    expect(line!.t.length).toBeLessThan(601);
    expect(line!.t.at(-1)).toBe(5000);
    expect(new Set(line!.rate)).toEqual(new Set([10]));
    const errors = line!.errors.reduce((sum: number, n) => sum + n! * line!.step, 0);
    expect(Math.abs(errors - 9)).toBeLessThan(0.1);
    expect(Math.max(...line!.max as number[])).toBe(5e6);
    expect(Math.max(...line!.corrected as number[])).toBe(7e6);
  });
});

describe("the page", () => {
  it("names no other file and no address, and forbids to load any", async () => {
    const text = await pageOf(sampleResult());
    const addresses = text.match(/\b(https?:)?\/\/[\w.-]+\.\w+[^\s"')]*/g) ?? [];
    // The line by which uPlot names itself and its licence.
    expect(addresses.every((address) => address.startsWith("https://github.com/leeoniya/uPlot")))
      .toBe(true);
    expect([...text.matchAll(/\b(?:src|href|action|srcset)="([^"]*)"/g)].map((m) => m[1]))
      .toEqual(["data:,"]);
    expect(text).toMatch(
      /<meta http-equiv="Content-Security-Policy" content="default-src &#39;none/,
    );
    expect(text).toMatch(/<meta name="viewport" content="width=device-width/);
  });

  it("is small, for one run and for a comparison", async () => {
    const one = await pageOf(sampleResult({ seconds: 60 }));
    const names = ["epoll", "poll", "select", "kqueue"];
    const four = await page({
      title: "four",
      results: names.map((name, i) => ({ name, result: sampleResult({ seed: i, seconds: 5 }) })),
    });
    for (const text of [one, four]) {
      expect(new TextEncoder().encode(text).length).toBeLessThan(120_000);
    }
  });

  it("has its data as they are", async () => {
    const results = [{ name: "a", result: sampleResult() }];
    expect(dataOf(await page({ title: "t", results })))
      .toEqual(JSON.parse(JSON.stringify(chartData(results))));
  });

  it("has all figures, settings, the machine, the mismatch and the thresholds in tables", async () => {
    const text = await pageOf(sampleResult({ open: true }, {
      verdict: "fail",
      thresholds: [{ expression: "p99<5ms", value: 6500, ok: false }],
      messages: { ...sampleResult({ open: true }).messages, mismatched: 1 },
      first_mismatch: { connection: 9, offset: 4321, kind: "lost", expected: "aa01", actual: "" },
    }));
    const plain = text.replace(/<(script|style)[\s\S]*?<\/\1>/g, "").replace(/<[^>]*>/g, " ")
      .replace(/\s+/g, " ");
    for (
      const words of [
        ...["fail", "FAILED p99&lt;5ms: 6.50 ms", "lost at byte 4,321 of connection 9"],
        ...["expected aa01, got the end", "p99.99", "timeout 5.00 s", "seed 42"],
        ...["linux 6.1.0, x64", "2 × A CPU at 2.0 GHz", "8.00 GiB", "from the scheduled send"],
        ...["limited by nothing: the asked rate", "ETIMEDOUT 3"],
      ]
    ) expect(plain).toContain(words);
  });

  it("of several results has a column for each, and tells in which settings they differ", async () => {
    const results = ["epoll", "poll"].map((name, i) => {
      const result = sampleResult({ seed: i });
      return { name, result: { ...result, config: { ...result.config, workers: i + 1 } } };
    });
    const text = await page({
      ...{ title: "two", results, verdict: "pass" },
      tables: [{
        title: "Ratios",
        note: "of rates",
        head: ["", "ratio"],
        rows: [["poll", "0.84"]],
      }],
    });
    expect(text).toMatch(/<th scope="col">epoll<\/th><th scope="col">poll<\/th>/);
    expect(text).toMatch(/<th scope="row">workers<\/th><td>1<\/td><td>2<\/td>/);
    expect(text).toMatch(/Ratios[\s\S]*of rates[\s\S]*>poll<[\s\S]*>0\.84</);
  });

  it("has a dash for what was not measured, and says of when its figures are", async () => {
    const none = new Recorder().summary();
    const results = ["good", "deaf"].map((name, i) => {
      const result = sampleResult({ seed: i });
      return { name, result: i === 0 ? result : { ...result, latency_us: none } };
    });
    const text = await page({ title: "two", results, verdict: "fail" });
    expect(text).toMatch(/<th scope="row">p50<\/th><td>[^<]*us<\/td><td>–<\/td>/);
    expect(text).toMatch(/<th scope="row">mean<\/th><td>[^<]*us<\/td><td>–<\/td>/);
    expect(text).toContain("Messages/s of all the time of a result");
  });

  it("says nothing of the keys of TLS", async () => {
    const sample = sampleResult();
    const tls = { serverName: "a.example", ca: "-----BEGIN CERTIFICATE-----" };
    const text = await pageOf({ ...sample, config: { ...sample.config, tls } });
    expect(text).toContain("a.example");
    expect(text).not.toContain("BEGIN CERTIFICATE");
  });

  it("takes no text for markup, wherever it comes from", async () => {
    const evil = `</script><script>evil()</script><!--<b title='x' onclick="evil()">&amp;`;
    const sample = sampleResult({}, { target: evil, selector: evil, errors: { [evil]: 1 } });
    const results = ["1", "2"].map((n) => ({
      name: evil + n,
      result: { ...sample, config: { ...sample.config, message: evil } },
    }));
    const tables = [{ title: evil, note: evil, head: [evil], rows: [[evil]] }];
    for (
      const text of [
        await page({ title: evil, results, tables, verdict: evil }),
        await page({ title: evil, results: results.slice(1) }),
      ]
    ) {
      expect(text.match(/<script>/g)!.length).toBe(2); // uPlot and ours
      expect(text.match(/<\/script>/g)!.length).toBe(3);
      expect(text).not.toContain("<b ");
      expect(text).not.toContain("<!--");
      expect(dataOf(text).timelines[0].name).toContain(evil);
    }
  });
});

describe("the colours of the page", () => {
  const css = readFileSync(new URL("../../../lib/report/html/style.css", import.meta.url), "utf8");
  type Rgb = [number, number, number];
  const themes = {
    light: /^:root \{([^}]*)\}/m,
    dark: /prefers-color-scheme: dark[^{]*\{\s*:root[^{]*\{([^}]*)\}/,
  };
  const read = (pattern: RegExp) =>
    Object.fromEntries(
      [...pattern.exec(css)![1]!.matchAll(/--(\w+): #(\w{6});/g)].map(([, name, hex]) => [
        name!,
        [0, 2, 4].map((i) => linear(parseInt(hex!.slice(i, i + 2), 16) / 255)) as Rgb,
      ]),
    );
  const linear = (c: number) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
  /** WCAG 2's contrast ratio. */
  const contrast = (a: Rgb, b: Rgb) => {
    const [dark, light] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
    return (light! + 0.05) / (dark! + 0.05);
  };
  /** What is left of colours to those without one kind of cone (Machado and others, 2009). */
  const SIGHTS: Record<string, number[]> = {
    "all cones": [1, 0, 0, 0, 1, 0, 0, 0, 1],
    "no red cones": [
      ...[0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116],
      1.051998,
    ],
    "no green cones": [
      ...[0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
    ],
    "no blue cones": [
      ...[
        1.255528,
        -0.076749,
        -0.178779,
        -0.078411,
        0.930809,
        0.147602,
        0.004733,
        0.691367,
        0.3039,
      ],
    ],
  };
  const seen = (m: number[], rgb: Rgb) =>
    [0, 3, 6].map((i) => m[i]! * rgb[0] + m[i + 1]! * rgb[1] + m[i + 2]! * rgb[2]) as Rgb;
  const lab = (rgb: Rgb) => {
    const [r, g, b] = rgb.map((c) => Math.min(1, Math.max(0, c))) as Rgb;
    const f = (t: number) => t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
    const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
    const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
    const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  };

  for (const [theme, pattern] of Object.entries(themes)) {
    const colors = read(pattern);
    const lines = Object.entries(colors).filter(([name]) => name.startsWith("line"));

    it(`${theme}: lines stand out from the background at 3:1, text at 4.5:1`, () => {
      expect(lines.length).toBe(6);
      for (const ground of [colors.page!, colors.panel!]) {
        for (const [, line] of lines) expect(contrast(line, ground)).toBeGreaterThan(3);
        for (const name of ["ink", "muted", "pass", "fail", "invalid"]) {
          expect(contrast(colors[name]!, ground)).toBeGreaterThan(4.5);
        }
      }
    });

    for (const [sight, matrix] of Object.entries(SIGHTS)) {
      it(`${theme}: lines differ from each other with ${sight}`, () => {
        const all = lines.map(([, rgb]) => lab(seen(matrix, rgb)));
        for (const [i, a] of all.entries()) {
          for (const b of all.slice(0, i)) {
            // In CIELAB 2 can just be seen.
            expect(Math.hypot(...a.map((v, k) => v - b[k]!))).toBeGreaterThan(18);
          }
        }
      });
    }
  }
});
