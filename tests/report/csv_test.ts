// One row a second, as any reader of RFC 4180 takes it.
import { describe, expect, it } from "bun:test";
import { CSV_COLUMNS, csvReport, csvReports } from "../../lib/report/csv.ts";
import { sampleResult } from "../support/sample_results.ts";

/** RFC 4180: records end with CRLF; a quoted field may hold anything, quotes doubled. */
function parse(text: string): string[][] {
  const rows: string[][] = [[]];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (let match; (match = field.exec(text));) {
    rows.at(-1)!.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === "\r\n") rows.push([]);
    if (field.lastIndex === text.length) break;
  }
  expect(rows.pop()).toEqual([]);
  return rows;
}

describe("the timeline as CSV", () => {
  it("has a column for each value of a row, by the same name", () => {
    const result = sampleResult({ open: true });
    const [header, ...rows] = parse(csvReport(result));
    expect(header!.toSorted()).toEqual(Object.keys(result.timeline[0]!).toSorted());
    const read = rows.map((row) =>
      Object.fromEntries(header!.map((name, i) => [name, Number(row[i])]))
    );
    expect(read).toEqual(result.timeline.map((row) => ({ ...row })));
  });

  it("leaves empty what a closed loop does not have", () => {
    const rows = parse(csvReport(sampleResult({ seconds: 2 })));
    for (const name of ["p99_corrected", "p50_corrected"]) {
      const column = rows[0]!.indexOf(name);
      expect(rows.map((row) => row[column])).toEqual([name, "", ""]);
    }
  });

  it("is a header alone for a run without an interval", () => {
    expect(csvReport(sampleResult({ seconds: 0 }))).toBe(CSV_COLUMNS.join(",") + "\r\n");
  });

  it("of several runs has the run in its first column, whatever it is called", () => {
    const result = sampleResult({ seconds: 1 });
    const names = ["poll", 'a "b", c', "two\r\nlines"];
    const rows = parse(csvReports(names.map((name) => ({ name, result }))));
    expect(rows.map((row) => row[0])).toEqual(["run", ...names]);
    expect(rows.map((row) => row.length)).toEqual(rows.map(() => CSV_COLUMNS.length + 1));
  });
});
