/** Figures that are made of others, each in one place: every report has the same. */
import type { Distribution } from "./recorder.ts";
import type { InFlight, StressResult, TimelineRow } from "./result.ts";

/**
 * How many errors a run has had, each counted once: failed connects, lost connections, timed-out and mismatched
 * messages. A connection that was closed because of a time-out or a mismatch is not lost as well.
 */
export const errorCount = (
  { connections, messages }: Pick<StressResult, "connections" | "messages">,
): number => connections.failed + connections.lost + messages.timed_out + messages.mismatched;

export const isClean = (
  { messages, connections }: Pick<StressResult, "connections" | "messages">,
): boolean => errorCount({ messages, connections }) + messages.lost === 0;

/** Replies of a row within its time, which make its rate. Results of earlier versions have no `drained`. */
export const inTime = ({ received, drained = 0 }: Partial<TimelineRow>): number =>
  (received ?? 0) - drained;

/** The closure of a closed loop, by Little's law: `asked` messages were to be in flight all the time. */
export function inFlightOf(asked: number, rate: number, latency: Distribution): InFlight {
  const average = rate * latency.mean / 1e6;
  return {
    asked,
    average: Math.round(average * 1000) / 1000,
    accounted: asked > 0 ? Math.round(average / asked * 10_000) / 10_000 : 0,
  };
}
