/** What was judged as JUnit's XML, which every build server reads: a test case for each threshold. */
import { describeMeasure } from "./baseline.ts";
import { describeValue, describeVerdict } from "./trust.ts";
import type { NamedResult, StressResult } from "../result/result.ts";

export interface JunitCase {
  readonly name: string;
  readonly failure: string | null;
}

export interface JunitSuite {
  readonly name: string;
  /** ISO 8601. */
  readonly timestamp?: string;
  readonly seconds: number;
  readonly cases: readonly JunitCase[];
}

/**
 * A test suite for each result. Beside thresholds there are test cases for the measures of a baseline; and one for
 * the verdict, where that is not "pass" for another reason or there is nothing else; the `reason` may be
 * known to who has made the results.
 */
export const junitReport = (results: readonly NamedResult[], reason?: string): string =>
  junit(results.map(({ name, result }) => ({
    name,
    timestamp: result.started_at.replace(/\.\d+Z$/, "Z"),
    seconds: result.duration_s,
    cases: casesOf(result, reason),
  })));

function casesOf(result: StressResult, given?: string): JunitCase[] {
  const thresholds = result.thresholds.map((judged): JunitCase => {
    const value = `${judged.expression}: ${describeValue(result, judged)}`;
    return { name: judged.expression, failure: judged.ok ? null : value };
  });
  const measures = (result.baseline?.measures ?? []).map((measure): JunitCase => ({
    name: `baseline ${measure.name}`,
    failure: measure.change === "worse" ? describeMeasure(measure) : null,
  }));
  const all = [...thresholds, ...measures];
  const verdict = describeVerdict(result);
  const known = verdict === "pass" || all.some(({ failure }) => failure !== null);
  if (known && all.length > 0) return all;
  const reason = given ?? result.generator.reason;
  const why = reason ? `${verdict}: ${reason}` : verdict;
  return [...all, { name: "verdict", failure: verdict === "pass" ? null : why }];
}

export function junit(suites: readonly JunitSuite[]): string {
  const lines = suites.flatMap(({ name, timestamp, seconds, cases }) => [
    `  <testsuite ${attributes({ name, ...counts(cases), time: seconds, timestamp })}>`,
    ...cases.flatMap(({ name: test, failure }) => {
      const open = `    <testcase ${attributes({ classname: name, name: test, time: 0 })}`;
      if (failure === null) return [`${open}/>`];
      return [
        `${open}>`,
        `      <failure ${attributes({ message: failure })}/>`,
        "    </testcase>",
      ];
    }),
    "  </testsuite>",
  ]);
  const all = attributes({ name: "iomux", ...counts(suites.flatMap(({ cases }) => cases)) });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${all}>`,
    ...lines,
    "</testsuites>",
    "",
  ].join("\n");
}

const counts = (cases: readonly JunitCase[]) => ({
  tests: cases.length,
  failures: cases.filter(({ failure }) => failure !== null).length,
  errors: 0,
});

const attributes = (values: Record<string, string | number | undefined>): string =>
  Object.entries(values).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}="${escapeXml(String(value))}"`).join(" ");

const ESCAPES: Record<string, string> = {
  ...{ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" },
  ...{ "\t": "&#9;", "\n": "&#10;", "\r": "&#13;" },
};

/** What XML 1.0 has no place for at all becomes a question mark. */
const escapeXml = (text: string): string =>
  // deno-lint-ignore no-control-regex -- these are the ones
  text.toWellFormed().replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "?")
    .replace(/[&<>"\t\n\r]/g, (c) => ESCAPES[c]!);
