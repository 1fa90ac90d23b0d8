/** Distributions drawn in characters, beside each other where there is more than one. */
import { logBuckets } from "./distribution.ts";
import type { Recorder } from "../../result/recorder.ts";

/** What is drawn, and what stands above it. */
export interface Drawn {
  readonly title: string;
  readonly recorder: Recorder;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const FULL = "█";
/** The longest bar: of one distribution, and of each when there are two. */
const WIDTHS = { alone: 40, beside: 18 };
const BOUND_WIDTH = 10;

/**
 * One row for each bucket: its upper bound, and for each distribution a bar, the count and its share. Bars
 * have the same scale everywhere, so that two distributions can be compared by eye. Empty when nothing was
 * recorded.
 */
export function drawDistributions(
  drawn: readonly Drawn[],
  format: { count(value: number): string; duration(ms: number): string },
): string {
  const buckets = logBuckets(drawn.map(({ recorder }) => recorder));
  if (buckets.length === 0) return "";
  const width = drawn.length > 1 ? WIDTHS.beside : WIDTHS.alone;
  const totals = drawn.map(({ recorder }) => recorder.count);
  const highest = Math.max(...buckets.flatMap((b) => b.counts.map((n, i) => n / (totals[i] || 1))));
  const digits = Math.max(...totals.map((total) => format.count(total).length));
  const cell = (count: number, total: number) => {
    if (total === 0) return "".padEnd(width + digits + 10);
    const share = count / total;
    return `${bar(share / highest, width)} ${format.count(count).padStart(digits)} ${
      percent(share).padStart(8)
    }`;
  };
  const title = (text: string) => text.padEnd(width + digits + 10);
  const lines = [
    ["up to".padStart(BOUND_WIDTH), ...drawn.map((d) => title(d.title))],
    ...buckets.map(({ upTo, counts }) => [
      format.duration(upTo / 1000).padStart(BOUND_WIDTH),
      ...counts.map((count, i) => cell(count, totals[i]!)),
    ]),
  ];
  return lines.map((parts) => parts.join("  ").trimEnd() + "\n").join("");
}

/** A bar in eighths of a character; the shortest for whatever is more than nothing. */
export function bar(share: number, width: number): string {
  const eighths = share > 0 ? Math.max(1, Math.round(share * width * 8)) : 0;
  return (FULL.repeat(eighths >> 3) + EIGHTHS[eighths & 7]!).padEnd(width);
}

/** A share as people read it: never "0.00 %" of something, nor "100.00 %" of less than all. */
function percent(share: number): string {
  if (share > 0 && share < 0.0001) return "<0.01 %";
  if (share < 1 && share > 0.9999) return ">99.99 %";
  return `${(share * 100).toFixed(2)} %`;
}
