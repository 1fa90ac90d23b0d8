/** Tables in characters, no wider than they may be: cells are wrapped between words. */
import { pad, padStart, widthOf, wrap } from "./layout.ts";

/** A table: its first column names the rows. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const GAP = 2;
/** A column of a table is not made narrower than this. */
const NARROWEST = 8;
/** A number, alone or with a unit, and what stands for none. */
const NUMBER = /^([<>~≥]?\d[\d,.]*( ?[a-zA-Z%/]+)?|-|)$/;

/**
 * A table of at most `width` columns: where it is wider, the cells of its widest columns have several lines.
 * Columns of numbers are aligned to the right. Ends with a line feed.
 */
export function drawTable({ head, rows }: Table, width: number): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => widthOf(row[i]!))));
  const left = width - GAP * (head.length - 1);
  while (widths.reduce((sum, w) => sum + w, 0) > left) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= NARROWEST) break;
    widths[widest]!--;
  }
  const numbers = head.map((_, i) => rows.length > 0 && rows.every((row) => NUMBER.test(row[i]!)));
  return all.map((row) => {
    const cells = row.map((text, i) => wrap(text, widths[i]!).flatMap((l) => cut(l, widths[i]!)));
    const height = Math.max(...cells.map((lines) => lines.length));
    return Array.from(
      { length: height },
      (_, at) =>
        cells.map((lines, i) => (numbers[i] ? padStart : pad)(lines[at] ?? "", widths[i]!))
          .join(" ".repeat(GAP)).trimEnd() + "\n",
    ).join("");
  }).join("");
}

/** A word that is longer than its column, in pieces. */
function cut(line: string, width: number): string[] {
  if (widthOf(line) <= width) return [line];
  const pieces: string[] = [];
  for (let at = 0; at < line.length; at += width) pieces.push(line.slice(at, at + width));
  return pieces;
}
