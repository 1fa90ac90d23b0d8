/** The sections of a report's page. */
import type { NamedResult } from "../../result/result.ts";
import type { ReportTable } from "../tables.ts";
import type { ChartData } from "./data.ts";
import { definitions, type Markup, markup, NOTHING, table } from "./parts.ts";
import { settingRows } from "./settings.ts";
import type { Distribution } from "../../result/recorder.ts";
import { BEYOND, describeErrors, figureOf, figureRows, isFounded } from "../figures.ts";
import { closure } from "../closure.ts";
import { describeVerdict, trustRows } from "../trust.ts";
import { expectsNothing } from "../../result/settings.ts";
import { formatCount, formatRate, formatSize, formatUs } from "../../text/units.ts";

type Results = readonly NamedResult[];

const section = (title: string, ...content: readonly Markup[]): Markup =>
  markup`<section><h2>${title}</h2>${content}</section>`;

/** In a table: percentiles beyond p99 only where enough values are beyond them. */
const cell = (d: Distribution, percent: number | null, key: keyof Distribution) =>
  (d.count === 0 && (percent === null || d.unanswered === 0)) ||
    (percent !== null && percent > 99 && percent < 100 && !isFounded(d, percent))
    ? "–"
    : percent === null
    ? formatUs(d[key])
    : figureOf(d, percent, key);

/** The rows of the text report, whose latencies have a table of their own here, and whose verdict is above. */
export function findings(results: Results): Markup {
  const blocks = results.map(({ name, result }) => {
    const rows = definitions(
      [...figureRows(result), ...trustRows(result)]
        .filter(([row]) => !["latency", "corrected", "connect", "verdict"].includes(row)),
    );
    if (results.length === 1) return rows;
    return markup`<details><summary>${name}: ${describeVerdict(result)}</summary>${rows}</details>`;
  });
  return section("What was done, and how far to trust it", ...blocks);
}

export const tables = (all: readonly ReportTable[]): Markup =>
  markup`${
    all.map(({ title, note, head, rows }) =>
      section(title, note ? markup`<p class="note">${note}</p>` : NOTHING, table(head, rows))
    )
  }`;

/** Places for the charts that there is something to draw in; the page's script draws them. */
export function figures(results: Results, data: ChartData): Markup {
  const rows = data.timelines.flatMap(({ t }) => t).length;
  const several = results.length > 1;
  const steps = data.timelines.map(({ step }) => step);
  const coarse = Math.max(1, ...steps) > 1.5
    ? ` A point is ${Math.max(...steps).toFixed(0)} s, and the highest of their percentiles.`
    : "";
  const active = new Set(
    data.timelines.flatMap(({ active }) => active.filter((count) => count !== null)),
  );
  const figure = (id: string, title: string, note: string) =>
    markup`
      <figure id="${id}">
        <figcaption>
          <h3>${title}</h3>
          <p class="note">${note}</p>
        </figcaption>
        <div class="plot" role="img" aria-label="${title}"></div>
      </figure>
    `;
  const all: Markup[] = [];
  if (rows > 0) {
    const what = results.every(({ result }) => expectsNothing(result))
      ? "Messages that were sent"
      : "Replies that were verified";
    const asked = data.timelines.some((line) => line.asked)
      ? " The dashed line is the schedule."
      : "";
    const errors = data.timelines.some((line) => line.errors.some((n) => n! > 0))
      ? " Bars are errors, on the right axis."
      : " There was no error.";
    all.push(
      figure("rate", "Rate and errors over time", `${what}.${asked}${errors}`),
    );
    all.push(figure(
      "latency",
      several ? "p99 of the latency over time" : "Latency over time",
      "Each second's own percentiles, on a logarithmic axis." + coarse,
    ));
    if (active.size > 1) all.push(figure("active", "Connections over time", "Open ones."));
  }
  if (data.spectrum.lines.length > 0) {
    all.push(figure(
      "spectrum",
      "Latency by percentile",
      "How slow the slowest are: each step to the right is ten times rarer." +
        (data.spectrum.lines.some(({ corrected }) => corrected)
          ? " Dashed: from the scheduled send, which counts what a stall holds up."
          : ""),
    ));
    all.push(figure(
      "cdf",
      "Share of replies within a latency",
      several ? "The line farther to the left is faster." : "The cumulative distribution.",
    ));
  }
  return all.length === 0 ? NOTHING : section("Charts", markup`<div class="charts">${all}</div>`);
}

const ROWS: [name: string, percent: number | null, key: keyof Distribution][] = [
  ["min", null, "min"],
  ["mean", null, "mean"],
  ["standard deviation", null, "stddev"],
  ["p50", 50, "p50"],
  ["p90", 90, "p90"],
  ["p99", 99, "p99"],
  ["p99.9", 99.9, "p99_9"],
  ["p99.99", 99.99, "p99_99"],
  ["p99.999", 99.999, "p99_999"],
  ["max", 100, "max"],
];

const FEW = `A dash: no value, or fewer than ${BEYOND} values are beyond that percentile.`;

/** Every figure of every distribution; of several results also what else one compares. */
export function numbers(results: Results): Markup {
  const spread = (columns: readonly Distribution[]) => [
    ...ROWS.map(([name, percent, key]) => [name, ...columns.map((d) => cell(d, percent, key))]),
    ["answered", ...columns.map((d) => formatCount(d.count))],
    ...(columns.some((d) => d.unanswered > 0)
      ? [["not answered", ...columns.map((d) => formatCount(d.unanswered))]]
      : []),
  ];
  if (results.length !== 1) {
    const all = results.map(({ result }) => result);
    const rows = [
      ["messages/s", ...all.map(({ rate }) => formatRate(rate.messages_per_s))],
      ...spread(all.map((result) => result.latency_us)),
      ...(all.every((result) => result.latency_corrected_us)
        ? [["p99 corrected", ...all.map((r) => cell(r.latency_corrected_us!, 99, "p99"))]]
        : []),
      ["closure", ...all.map((result) => closure(result) ?? "-")],
      ["errors", ...all.map(describeErrors)],
      ["verdict", ...all.map(describeVerdict)],
    ];
    const note = "Messages/s of all the time of a result, and percentiles of all its replies, " +
      `whichever round they are of: means of rounds differ from them. ${FEW}`;
    return section(
      "Numbers",
      markup`<p class="note">${note}</p>`,
      table(["", ...results.map(({ name }) => name)], rows),
    );
  }
  const { latency_us: latency, latency_corrected_us: corrected, connect_us: connect } =
    results[0]!.result;
  const columns = [
    { head: corrected ? "from the real send" : "latency", d: latency },
    ...(corrected ? [{ head: "from the scheduled send", d: corrected }] : []),
    { head: "connect", d: connect },
  ].filter(({ d }) => d.count + d.unanswered > 0);
  if (columns.length === 0) return NOTHING;
  const head = ["", ...columns.map(({ head }) => head)];
  const latencies = table(head, spread(columns.map(({ d }) => d)));
  return section("Latencies", markup`<p class="note">${FEW}</p>`, latencies);
}

/** Settings of all results; those in which they differ first, in a column for each. */
export function settings(results: Results): Markup {
  const all = results.map(({ result }) => new Map(settingRows(result.config)));
  const names = [...new Set(all.flatMap((rows) => [...rows.keys()]))];
  const rows = names.map((name) => [name, ...all.map((rows) => rows.get(name) ?? "")]);
  const same = ([, first, ...others]: string[]) => others.every((value) => value === first);
  const different = rows.filter((row) => !same(row));
  return section(
    "Settings",
    different.length > 0 ? table(["", ...results.map(({ name }) => name)], different) : NOTHING,
    definitions(rows.filter(same).map(([name = "", value = ""]) => [name, value]), "settings"),
  );
}

/** Where the first result was made. */
export function machine(results: Results): Markup {
  const machine = results[0]?.result.machine;
  if (!machine) return NOTHING;
  return section(
    "Machine",
    table([], [
      ["system", `${machine.os} ${machine.kernel}, ${machine.arch}`],
      ["CPUs", `${machine.cpus} × ${machine.cpu_model}`],
      ["memory", formatSize(machine.memory_bytes)],
      ["runtime", machine.runtime],
    ]),
  );
}
