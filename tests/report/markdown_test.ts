// The summary in Markdown: the verdict, figures beside each other, thresholds; and no text is markup.
import { describe, expect, it } from "bun:test";
import { formatUs } from "../../lib/text/units.ts";
import { markdownReport } from "../../lib/report/markdown.ts";
import { sampleResult } from "../support/sample_results.ts";

describe("a Markdown summary", () => {
  it("has the verdict, the figures and the thresholds", () => {
    const thresholds = [{ expression: "p99<5ms", value: 6500, ok: false }];
    const result = sampleResult({}, { thresholds, verdict: "fail" });
    const text = markdownReport({
      title: "t",
      results: [{ name: "now", result }],
      verdict: "fail",
    });
    const lines = text.split("\n");
    expect(lines[0]).toBe("### t: fail");
    expect(lines.slice(2, 4)).toEqual(["|  | now |", "| --- | --- |"]);
    expect(text).toMatch(/^\| messages\/s \| [\d,]+ \|$/m);
    expect(text).toContain(
      "| closure | 49.1 of 50 in flight accounted for (98 %); rate steady to ±",
    );
    expect(text).toContain("| p99\\<5ms | 6.50 ms | FAILED |");
  });

  it("has several results beside each other, and the tables of all", () => {
    const results = ["epoll", "poll"].map((name, i) => ({
      name,
      result: sampleResult({ seed: i }),
    }));
    const tables = [{
      title: "Comparison",
      note: "By rounds.",
      head: ["", "a"],
      rows: [["x", "1"]],
    }];
    const text = markdownReport({ title: "t", results, tables, verdict: "pass" });
    expect(text).toMatch(/^\| {2}\| epoll \| poll \|\n\| --- \| --- \| --- \|$/m);
    expect(text).toContain("#### Comparison\n\nBy rounds.\n\n|  | a |\n| --- | --- |\n| x | 1 |\n");
    for (const row of text.split("\n").filter((line) => line.startsWith("| p"))) {
      expect(row.split(" | ").length).toBe(3);
    }
  });

  it("has both latencies of a schedule, each by its name, and none that rests on few messages", () => {
    const result = sampleResult({ open: true });
    const text = markdownReport({
      title: "t",
      results: [{ name: "now", result }],
      verdict: "pass",
    });
    const { latency_us: real, latency_corrected_us: corrected } = result;
    expect(text).toContain(`| p99 | ${formatUs(real.p99)} |`);
    expect(text).toContain(`| p99 corrected | ${formatUs(corrected!.p99)} |`);
    expect(formatUs(real.p99)).not.toBe(formatUs(corrected!.p99));
    const few = sampleResult({ seconds: 1 });
    expect(few.latency_us.count).toBeLessThan(10_000);
    const short = markdownReport({
      title: "t",
      results: [{ name: "now", result: few }],
      verdict: "",
    });
    expect(short).toContain("| p99.9 | - |");
    expect(short).not.toContain("corrected");
  });

  it("has the reason of a verdict that no result has", () => {
    const results = [{ name: "the last probe", result: sampleResult({ seconds: 1 }) }];
    const text = markdownReport({ title: "t", results, verdict: "invalid", reason: "busy" });
    expect(text).toMatch(/^### t: invalid\n\nbusy\n\n\|/);
  });

  it("takes no text for markup, nor for another row", () => {
    const evil = "a | b <img> *c* `d` [e](f)\n| g |";
    const text = markdownReport({
      title: evil,
      results: [{ name: evil, result: sampleResult() }],
      verdict: evil,
    });
    const escaped = "a \\| b \\<img\\> \\*c\\* \\`d\\` \\[e\\](f) \\| g \\|";
    expect(text.split("\n")[0]).toBe(`### ${escaped}: ${escaped}`);
    const title = "unix:/tmp/\x1b[31m\u202e";
    expect(markdownReport({ title, results: [], verdict: "pass" }))
      .toMatch(/^### unix:\/tmp\/\\\\e\\\[31m\\\\u\{202e\}: pass\n/);
  });
});
