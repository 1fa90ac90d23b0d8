/** A result for people, on a terminal. */
import { latenciesOf } from "../../result/histograms.ts";
import type { StressResult } from "../../result/result.ts";
import { expectsNothing, isOpenLoop } from "../../result/settings.ts";
import { escapeControls } from "../../text/escape.ts";
import { type Row, rows, wrap } from "../../text/layout.ts";
import { drawTable, type Table } from "../../text/table.ts";
import { figureRows } from "../figures.ts";
import type { ReportTable } from "../tables.ts";
import { trustRows } from "../trust.ts";
import { drawDistributions } from "./drawing.ts";

const NAME_WIDTH = 12;

/** A result may be anybody's file: no text in it is obeyed by the terminal. */
const write = (all: readonly Row[], width: number): string =>
  rows(all.map(([name, text]) => [name, escapeControls(text)]), {
    ...{ width, name: NAME_WIDTH, gap: 1 },
  });

const escaped = ({ head, rows }: Table): Table => ({
  head: head.map(escapeControls),
  rows: rows.map((row) => row.map(escapeControls)),
});

/**
 * The report of a run, `width` columns wide: what was verified first, then how fast; the latencies as a drawing;
 * and how far to trust it, with the verdict last, where a terminal shows it.
 */
export function formatReport(result: StressResult, width: number): string {
  const drawing = drawLatencies(result, width);
  return write(figureRows(result), width) + "\n" + (drawing === "" ? "" : drawing + "\n") +
    write(trustRows(result), width);
}

export const formatOutcome = (
  head: readonly Row[],
  table: ReportTable,
  tail: readonly Row[],
  width: number,
): string =>
  `${write(head, width)}\n${drawTable(escaped(table), width)}\n` +
  (table.note === undefined ? "" : `${wrap(table.note, width).join("\n")}\n\n`) +
  write(tail, width);

function drawLatencies(result: StressResult, width: number): string {
  if (expectsNothing(result)) return "";
  const real = { title: "latency", recorder: latenciesOf(result, "latency")! };
  const corrected = latenciesOf(result, "latency_corrected");
  if (!isOpenLoop(result) || !corrected) return drawDistributions([real], width);
  return drawDistributions([
    { ...real, title: "latency (real send)" },
    { title: "corrected (scheduled send)", recorder: corrected },
  ], width);
}
