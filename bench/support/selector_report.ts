// The tables, the figures and the plot of the section `selectors`.
import { cpus, release, type } from "node:os";
import process from "node:process";
import { baseline, targeted } from "./entries.ts";
import { type Line, plot } from "./plot.ts";
import { median, notRunLines, spread, table, verdict } from "./report.ts";
import {
  ns,
  nsIn,
  type Operation,
  ratios,
  type Row,
  threaded,
  userShare,
} from "./selector_rows.ts";

const target = 1.15;
const python = "python";

export interface Shown {
  rows: Row[];
  /** The names of the runtimes that iomux was run on. */
  entries: string[];
  notRun: Map<string, string>;
  rounds: number;
  windowMs: number;
}

const whole = (value: number) => Number.isNaN(value) ? "-" : value.toFixed(0);
const ratio = (values: number[]) => {
  const value = median(values);
  return Number.isNaN(value) ? "-" : value.toFixed(value < 10 ? 2 : 0);
};

/** The section as text. */
export function textOf({ rows, entries, notRun, rounds, windowMs }: Shown): string {
  return [
    `selectors: CPU ns of one call, ${rounds} rounds of ${windowMs} ms for each figure`,
    ...entries.flatMap((name) => [waits(rows, name), registrations(rows, name)]),
    ...notRunLines(notRun),
    ...refusals(rows),
    ...entries.filter((name) => targeted.includes(name)).flatMap((name) => verdicts(rows, name)),
  ].join("\n");
}

const caseOf = ({ selector, active, idle }: Row) => [selector, String(active), String(idle)];

function cells(row: Row, name: string, values: () => string[]): string[] {
  const make = values();
  return [...caseOf(row), ...(row.na.has(name) ? make.map(() => "n/a") : make)];
}

function waits(rows: Row[], name: string): string {
  const head = ["C", "C thr.", "Python", "dispatch", "user", "to C (range)", "to C thr."];
  const lines = rows.map((row) =>
    cells(row, name, () => {
      const toC = ratios(row, [name, "dispatch"], [baseline, "dispatch"]);
      const user = userShare(row, name, "dispatch") * 100;
      return [
        ...[baseline, threaded].map((who) => whole(ns(row, who, "dispatch"))),
        whole(ns(row, python, "select")),
        whole(ns(row, name, "dispatch")),
        Number.isNaN(user) ? "-" : `${user.toFixed(0)} %`,
        toC.length > 0 ? spread(toC) : "-",
        ratio(ratios(row, [name, "dispatch"], [threaded, "dispatch"])),
        whole(ns(row, name, "select")),
        ratio(ratios(row, [name, "select"], [baseline, "dispatch"])),
        ratio(ratios(row, [name, "select"], [python, "select"])),
      ];
    })
  );
  return `\n${name}: one wait that finds the active descriptors\n` +
    table(["selector", "active", "idle", ...head, "select", "to C", "to Python"], lines);
}

function registrations(rows: Row[], name: string): string {
  const lines = rows.map((row) =>
    cells(row, name, () => [
      ...[baseline, python, name].map((who) => whole(ns(row, who, "register"))),
      ratio(ratios(row, [name, "register"], [baseline, "register"])),
      ratio(ratios(row, [name, "register"], [python, "register"])),
    ])
  );
  return `\n${name}: register and unregister of one more descriptor\n` +
    table(["selector", "active", "idle", "C", "Python", name, "to C", "to Python"], lines) + "\n";
}

/** Why there are cells with n/a, once for each selector. */
function refusals(rows: Row[]): string[] {
  const reasons = new Map<string, string>();
  for (const { selector, na } of rows) {
    for (const [name, reason] of na) {
      if (!reasons.has(selector)) reasons.set(selector, `n/a (${name}): ${reason}`);
    }
  }
  return [...reasons].map(([selector, reason]) => `${selector}: ${reason}`);
}

function verdicts(rows: Row[], name: string): string[] {
  const epoll = rows.filter((row) => row.selector === "epoll");
  return [...new Set(epoll.map((row) => row.active))].map((active) => {
    const against = (other: string) =>
      median(
        epoll.filter((row) => row.active === active)
          .flatMap((row) => ratios(row, [name, "dispatch"], [other, "dispatch"])),
      );
    const value = against(baseline);
    return `${name}: dispatch on epoll with ${active} active takes ${value.toFixed(2)} times C's ` +
      `CPU, ${verdict(value, target)}; ${against(threaded).toFixed(2)} times that of C with a ` +
      `second, sleeping thread`;
  });
}

const operations: Operation[] = ["dispatch", "select", "register"];

/** The section for --json. */
export function figuresOf({ rows, notRun, rounds, windowMs }: Shown): unknown {
  const figures = rows.map((row) => ({
    selector: row.selector,
    active: row.active,
    idle: row.idle,
    na: Object.fromEntries(row.na),
    ns: Object.fromEntries([...row.costs.keys()].map((name) => [
      name,
      Object.fromEntries(
        operations.filter((operation) => nsIn(row, name, operation).length > 0)
          .map((operation) => [operation, ns(row, name, operation)]),
      ),
    ])),
    rounds: Object.fromEntries(row.costs),
  }));
  return { cases: figures, rounds, window_ms: windowMs, not_run: Object.fromEntries(notRun) };
}

const colors: Record<string, string> = {
  select: "#c2410c",
  poll: "#b8860b",
  epoll: "#1d5fa8",
  kqueue: "#7c3aed",
  wsapoll: "#be185d",
};

/** The plot: iomux (of the first runtime) and C, a line for each selector. */
export function plotOf({ rows, entries, rounds }: Shown): string | undefined {
  const shown = entries[0];
  if (shown === undefined) return undefined;
  const names = [...new Set(rows.map((row) => row.selector))];
  const lineOf = (selector: string, active: number, name: string): Line => ({
    name: name === baseline ? "" : selector,
    color: colors[selector] ?? "#333333",
    dashed: name === baseline,
    points: rows.filter((row) => row.selector === selector && row.active === active)
      .map((row): [number, number] => [row.active + row.idle, ns(row, name, "dispatch")])
      .filter(([, y]) => !Number.isNaN(y)),
  });
  const panels = [...new Set(rows.map((row) => row.active))].map((active) => ({
    title: `${active} of them ready`,
    lines: names.flatMap((selector) =>
      [baseline, shown].map((name) => lineOf(selector, active, name))
    ),
  }));
  const runtime = shown === "iomux-bun" ? `Bun ${process.versions["bun"]}` : shown;
  const system = `${type()} ${release().split(".").slice(0, 2).join(".")}`;
  return plot({
    title: "What one wait costs as descriptors grow",
    xLabel: "registered descriptors",
    yLabel: "CPU time of one wait, ns",
    panels,
    legend: [{ name: `iomux dispatch(0), ${runtime}`, dashed: false }, {
      name: "the same loop in C, one thread",
      dashed: true,
    }],
    caption: `${cpus()[0]!.model}, ${system}, one core; eventfds, level-triggered; ` +
      `medians of ${rounds} rounds; select ends at FD_SETSIZE (1024)`,
  });
}
