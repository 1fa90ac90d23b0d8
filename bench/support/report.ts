// Figures and tables.

/** The middle value; NaN of nothing. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The sum. */
export function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** "1.05 (1.01..1.12)": the median with its range. */
export function spread(values: number[], digits = 2): string {
  const text = (value: number) => value.toFixed(digits);
  return `${text(median(values))} (${text(Math.min(...values))}..${text(Math.max(...values))})`;
}

/** "at most 1.15: ok", for a figure with a target. */
export function verdict(value: number, target: number, atLeast = false): string {
  const met = atLeast ? value >= target : value <= target;
  return `at ${atLeast ? "least" : "most"} ${target}: ${met ? "ok" : "MISSED"}`;
}

/** A table as text: the first column to the left, the others to the right. */
export function table(head: string[], rows: string[][]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((row) => row[column]!.length)));
  return lines.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  ).join("\n");
}

/** What a section gives back: text for people, and its figures for --json. */
export interface Report {
  text: string;
  data: unknown;
  /** An SVG image of it, for --plot. */
  plot?: string;
}

/** The lines for what could not be run. */
export function notRunLines(notRun: Map<string, string>): string[] {
  return [...notRun].map(([name, reason]) => `${name}: not run: ${reason}`);
}
