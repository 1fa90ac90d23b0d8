// JUnit's XML: a test case for each threshold, well-formed whatever the texts are.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { junitReport } from "../../lib/report/junit.ts";
import type { StressResult } from "../../lib/result/result.ts";
import { sampleResult } from "../support/sample_results.ts";

const thresholds = [
  { expression: "p99<5ms", value: 6500, ok: false },
  { expression: "errors==0", value: 0, ok: true },
];
const report = (change: Partial<StressResult>, name = "127.0.0.1:9999") =>
  junitReport([{ name, result: sampleResult({ seconds: 1 }, change) }]);
const cases = (xml: string) =>
  [...xml.matchAll(/<testcase [^>]*?name="([^"]*)" time/g)].map((m) => m[1]);

describe("a JUnit report", () => {
  it("has a test case for each threshold, and says by which value it failed", () => {
    const xml = report({ thresholds, verdict: "fail" });
    expect(cases(xml)).toEqual(["p99&lt;5ms", "errors==0"]);
    expect(xml).toContain('<testsuites name="iomux" tests="2" failures="1" errors="0">');
    expect(xml).toContain('<failure message="p99&lt;5ms: 6.50 ms"/>');
    expect(xml).toMatch(
      /<testsuite name="127\.0\.0\.1:9999" tests="2" failures="1" .*timestamp="2026/,
    );
  });

  it("has one for the verdict where there is no threshold, or another reason to fail", () => {
    expect(cases(report({}))).toEqual(["verdict"]);
    expect(report({})).toContain('failures="0"');
    const failed = report({ verdict: "fail", thresholds: thresholds.slice(1) });
    expect(cases(failed)).toEqual(["errors==0", "verdict"]);
    expect(failed).toContain('<failure message="fail"/>');
  });

  const reason = "the generator: nothing was measured";
  const { generator } = sampleResult({ seconds: 1 });
  const red: [string, Partial<StressResult>, string][] = [
    ["invalid", { verdict: "invalid", generator: { ...generator, bottleneck: true, reason } }, ""],
    ["of a search without an answer", { verdict: "invalid" }, "invalid"],
    ["interrupted", { interrupted: true }, "pass (interrupted)"],
    ["a sum of some of its parts", { partial: true }, "pass (partial)"],
  ];
  for (const [what, change, message] of red) {
    it(`is red where all thresholds hold and the run is ${what}`, () => {
      const xml = report({ ...change, thresholds: thresholds.slice(1) });
      expect(cases(xml)).toEqual(["errors==0", "verdict"]);
      expect(xml).toContain('<testsuites name="iomux" tests="2" failures="1" errors="0">');
      expect(xml).toContain(`<failure message="${message || `invalid: ${reason}`}"/>`);
    });
  }

  it("says why, where who has made the results knows", () => {
    const result = sampleResult({ seconds: 1 }, { verdict: "invalid" });
    expect(junitReport([{ name: "the last probe", result }], "busy"))
      .toContain('<failure message="invalid: busy"/>');
  });

  it("is well-formed, whatever is in it", () => {
    const evil = `a&b<"'>]]>\0\x1b[31m` + "\ud800" + `\u{1f600}\n`;
    const xml = report({ thresholds }, evil);
    // deno-lint-ignore no-control-regex -- XML 1.0 has no place for them
    expect(xml).not.toMatch(/[\0-\x08\x0b\x0c\x0e-\x1f]/);
    expect(xml).toContain('classname="a&amp;b&lt;&quot;\'&gt;]]&gt;??[31m\ufffd\u{1f600}&#10;"');
    const parsed = spawnSync("python3", [
      "-c",
      "import sys, xml.dom.minidom as m; m.parse(sys.stdin)",
    ], {
      input: xml,
      encoding: "utf8",
    });
    if (parsed.error) console.log("not run: an XML parser on a JUnit report: no python3");
    else expect(parsed.stderr).toBe("");
  });
});
