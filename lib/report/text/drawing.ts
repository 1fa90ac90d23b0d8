/** Distributions drawn in characters, beside each other where there is more than one. */
import { logBuckets } from "./distribution.ts";
import type { Recorder } from "../../result/recorder.ts";
import { formatCount, formatUs } from "../../text/units.ts";

export interface Drawn {
  readonly title: string;
  readonly recorder: Recorder;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const FULL = "█";
const LONGEST = 40;
const SHORTEST = 4;
const BOUND_WIDTH = 10;
const GAP = 2;
/** What stands behind a bar besides the count: two spaces and the share. */
const SHARE_WIDTH = 10;

/**
 * One row for each bucket: its upper bound, and for each distribution a bar, the count and its share. Bars
 * have the same scale everywhere, so that two distributions can be compared by eye. Empty when nothing was
 * recorded. `width` is in columns.
 */
export function drawDistributions(
  drawn: readonly Drawn[],
  width: number,
): string {
  const buckets = logBuckets(drawn.map(({ recorder }) => recorder));
  if (buckets.length === 0) return "";
  const totals = drawn.map(({ recorder }) => recorder.count);
  const highest = Math.max(...buckets.flatMap((b) => b.counts.map((n, i) => n / (totals[i] || 1))));
  const digits = Math.max(...totals.map((total) => formatCount(total).length));
  const room = Math.floor((width - BOUND_WIDTH) / drawn.length) - GAP - digits - SHARE_WIDTH;
  if (room < SHORTEST && drawn.length > 1) {
    return drawn.map((one) => drawDistributions([one], width)).join("\n"); // below each other
  }
  const longest = Math.max(SHORTEST, Math.min(LONGEST, room));
  const cell = (count: number, total: number) => {
    if (total === 0) return "".padEnd(longest + digits + SHARE_WIDTH);
    const share = count / total;
    return `${bar(share / highest, longest)} ${formatCount(count).padStart(digits)} ${
      percent(share).padStart(8)
    }`;
  };
  const title = (text: string) =>
    text.slice(0, longest + digits + SHARE_WIDTH).padEnd(longest + digits + SHARE_WIDTH);
  const lines = [
    ["up to".padStart(BOUND_WIDTH), ...drawn.map((d) => title(d.title))],
    ...buckets.map(({ upTo, counts }) => [
      formatUs(upTo).padStart(BOUND_WIDTH),
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
