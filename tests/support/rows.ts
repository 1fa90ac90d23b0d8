// What must be true of the rows of any result.
import { expect } from "bun:test";
import type { StressResult } from "../../lib/result/result.ts";

/** The rows of a run are its totals, cut at seconds; none is outside of it, and none contradicts itself. */
export function checkRows(result: StressResult): void {
  const { timeline, messages, bytes, connections, latency_us: us } = result;
  const sum = (pick: (row: StressResult["timeline"][number]) => number) =>
    timeline.reduce((total, row) => total + pick(row), 0);
  expect(sum((row) => row.sent)).toBe(messages.sent);
  expect(sum((row) => row.received)).toBe(messages.received);
  expect(sum((row) => row.bytes_sent)).toBe(bytes.sent);
  expect(sum((row) => row.bytes_received)).toBe(bytes.received);
  const { failed, lost } = connections;
  expect(sum((row) => row.errors)).toBe(failed + lost + messages.timed_out + messages.mismatched);
  expect(Math.abs(sum((row) => row.seconds) - result.duration_s)).toBeLessThan(0.001);
  // What came after the stop is of the last row (of each round), and of no rate: without it the rates are the run's.
  const drained = timeline.map((row) => row.drained);
  if (!result.config.rounds) expect(drained.slice(0, -1).every((n) => n === 0)).toBe(true);
  if (result.config.expect !== "none") {
    const inTime = sum((row) => row.received - row.drained);
    expect(Math.abs(inTime - result.rate.messages_per_s * result.duration_s)).toBeLessThan(
      0.06 * result.duration_s + 0.5,
    );
  }
  let end = 0;
  for (const row of timeline) {
    const { p50, p90, p99, max, t, seconds } = row;
    expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].toSorted((a, b) => a - b));
    expect(max > 0).toBe(row.received > 0);
    expect(max).toBeLessThanOrEqual(us.max);
    expect(Math.abs(t - seconds - end)).toBeLessThan(0.001); // it starts where the last one has ended
    end = t;
  }
  expect(Math.abs(end - result.duration_s)).toBeLessThan(0.001);
}
