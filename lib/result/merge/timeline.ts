/**
 * Timelines of several runs as one, by wall clock.
 *
 * The rows of a sum are the seconds of the clock, whichever run they are of: so it does not matter in
 * which order, or in how many steps, results are added up.
 */
import type { StressResult, TimelineRow } from "../result.ts";

const SECOND = 1000;
/** A row's end that is in another second for less than this stays with the rest: alone it says nothing. */
const SLIVER = 200;

const COUNTS = ["sent", "received", "bytes_sent", "bytes_received", "errors", "drained"] as const;
/** What can't be added: of parts of a row the highest is an upper bound for the row. */
const BOUNDS = ["p50", "p90", "p99", "max"] as const;

/** A row with the time that it is of, in milliseconds since the epoch. */
interface Piece {
  row: TimelineRow;
  start: number;
  end: number;
}

/** Until when a part of a row counts as open: those that end at about the same time end together. */
function endOf(ms: number, second: number): number {
  const whole = (second + 1) * SECOND;
  return Math.abs(ms - whole) < SLIVER ? whole : Math.floor(ms / SLIVER) * SLIVER;
}

/** The rows of all results, from the first one's start. Counts add up, and connections that are open at the end. */
export function mergeTimelines(
  results: readonly Pick<StressResult, "started_at" | "timeline">[],
): TimelineRow[] {
  const seconds = new Map<number, Piece>();
  for (const { started_at, timeline } of results) {
    for (const [second, piece] of bySecond(Date.parse(started_at), timeline)) {
      const before = seconds.get(second);
      seconds.set(second, before ? joined(before, piece, activeOf(before, piece, second)) : piece);
    }
  }
  const origin = Math.min(...results.map(({ started_at }) => Date.parse(started_at)));
  return [...seconds].sort(([a], [b]) => a - b).map(([second, { row, start, end }]) => {
    // One run's sliver may reach into a second that another run has a row of: rows never overlap.
    const from = seconds.has(second - 1) ? Math.max(start, second * SECOND) : start;
    const to = seconds.has(second + 1) ? Math.min(end, (second + 1) * SECOND) : end;
    return { ...row, t: (to - origin) / 1000, seconds: (to - from) / 1000 };
  });
}

/** Connections at the end of a row are those of the runs that go on until then. */
function activeOf(a: Piece, b: Piece, second: number): number {
  const [one, other] = [endOf(a.end, second), endOf(b.end, second)];
  return (one >= other ? a.row.active : 0) + (other >= one ? b.row.active : 0);
}

/** One run's rows, cut at the seconds of the clock. */
function bySecond(startMs: number, timeline: readonly TimelineRow[]): Map<number, Piece> {
  const seconds = new Map<number, Piece>();
  for (const row of timeline) {
    const end = startMs + Math.round(row.t * 1000);
    for (const piece of cut({ row, start: end - Math.round(row.seconds * 1000), end })) {
      // What ends with a second is of that second.
      const second = Math.ceil((piece.start + piece.end) / 2 / SECOND) - 1;
      const before = seconds.get(second);
      // Connections are those at the end of the interval.
      seconds.set(second, before ? joined(before, piece, piece.row.active) : piece);
    }
  }
  return seconds;
}

/** Parts of a row, to which its counts are given by their length, and all of them together. */
function cut({ row, start, end }: Piece): Piece[] {
  const bounds = [start];
  const first = Math.ceil((start + SLIVER) / SECOND) * SECOND;
  for (let bound = first; bound <= end - SLIVER; bound += SECOND) bounds.push(bound);
  bounds.push(end);
  if (bounds.length === 2) return [{ row, start, end }];
  const countedUntil = (key: typeof COUNTS[number], time: number) =>
    Math.round((row[key] ?? 0) * (time - start) / (end - start));
  return bounds.slice(1).map((to, i) => {
    const from = bounds[i]!;
    const counts = COUNTS.map((key) => [key, countedUntil(key, to) - countedUntil(key, from)]);
    return { row: { ...row, ...Object.fromEntries(counts) }, start: from, end: to };
  });
}

/** Of those that there are. */
function highest(...values: (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === "number");
  return known.length > 0 ? Math.max(...known) : null;
}

const joined = (a: Piece, b: Piece, active: number): Piece => ({
  row: { ...joinRows(a.row, b.row), active },
  start: Math.min(a.start, b.start),
  end: Math.max(a.end, b.end),
});

/** Counts of both together, and the highest of their latencies; all else is the first one's. */
export const joinRows = (a: TimelineRow, b: TimelineRow): TimelineRow => ({
  ...a,
  ...Object.fromEntries(COUNTS.map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)])),
  ...Object.fromEntries(BOUNDS.map((key) => [key, Math.max(a[key], b[key])])),
  p99_corrected: highest(a.p99_corrected, b.p99_corrected),
  p50_corrected: highest(a.p50_corrected, b.p50_corrected),
});
