/** All rounds of one of those compared, as one result. */
import { inFlightOf } from "../figures.ts";
import { mergeResults } from "./merge.ts";
import type { StressResult, TimelineRow } from "../result.ts";

/**
 * The sum of results that were made one after the other with the same settings: its rate is per second of
 * the time in which they ran, and its percentiles are those of all their replies.
 */
export function pool(rounds: readonly StressResult[]): StressResult {
  const first = rounds[0]!;
  if (rounds.length === 1) return first;
  const sameTarget = rounds.every(({ target }) => target === first.target);
  const sum = mergeResults(rounds, { oneMachine: true });
  return {
    ...sum,
    // They were not there at the same time, so that nothing of this adds up.
    config: { ...first.config, rounds: rounds.length },
    target: sameTarget ? first.target : first.target.replace(/:\d+$/, ""), // servers of their own
    selector: first.selector,
    connections: {
      ...sum.connections,
      requested: first.connections.requested,
      peak: Math.max(...rounds.map(({ connections }) => connections.peak)),
    },
    in_flight: first.in_flight &&
      inFlightOf(first.in_flight.asked, sum.rate.messages_per_s, sum.latency_us),
    server: rounds.at(-1)!.server,
    timeline: inTurn(rounds),
  };
}

/** The rows of all rounds, one behind the other: what was between two of them is of no row. */
function inTurn(rounds: readonly StressResult[]): TimelineRow[] {
  let before = 0;
  return rounds.flatMap(({ timeline }) => {
    const from = before;
    before += timeline.at(-1)?.t ?? 0;
    return timeline.map((row) => ({ ...row, t: Math.round((from + row.t) * 1e6) / 1e6 }));
  });
}
