/** Where the time of a closed loop went that no latency has. */
import type { Evidence } from "./evidence.ts";
import { formatCount } from "../../text/units.ts";
import { plural } from "../../text/words.ts";
import { MIN_SECONDS } from "./bottleneck.ts";

/** A closed loop of whose messages in flight so much is accounted for closes. */
const CLOSED = 0.95;
/** What explains so much of the rest is named. */
const MOST = 0.5;

/** A cause, and how many messages in flight it explains at most, on average. */
type Cause = readonly [most: number, what: string];

/** The cause that there is evidence of, as a clause; null where a loop closes, and where none is. */
export function closure(run: Evidence): string | null {
  const { closure, seconds, counted } = run;
  if (!counted || closure === null || closure.accounted >= CLOSED || seconds < MIN_SECONDS) {
    return null;
  }
  const { asked, average } = closure;
  const missing = asked - average;
  const cause = causes(run, asked).find(([most]) => most >= MOST * missing);
  const share = `on average ${Number(missing.toPrecision(2))} of ${formatCount(asked)} in flight`;
  return cause ? `${share} ${cause[1]}` : `${share} are not accounted for`;
}

/** The surest first. */
function causes(run: Evidence, asked: number): Cause[] {
  const { requested, peak, latency, seconds, inFlight } = run;
  const { timedOut, lost, mismatched, received, reconnect, reconnected, messagesPerConnection } =
    run;
  const each = (inFlight ?? peak) / Math.max(1, peak);
  const unanswered = timedOut + lost;
  // Without --reconnect each may have ended its connection for the rest of the run.
  const ended = (messages: number, waited: number) =>
    messages * (reconnect ? Math.min(1, waited / seconds) : 1) * each;
  // When one looks at it, a message in flight has waited for longer than half of the mean: long ones are met more often.
  const met = latency.mean === 0 ? 0 : latency.mean + latency.stddev ** 2 / latency.mean;
  return [
    [messagesPerConnection === null ? 0 : asked, "waited for a new connection"],
    [(requested - peak) * each, `had no connection: ${requested - peak} were not open`],
    [
      ended(unanswered, run.timeoutMs / 1000),
      `waited for replies that never came (${plural(unanswered, "message")})`,
    ],
    [
      Math.max(asked * mismatched / Math.max(1, mismatched + received), ended(mismatched, 0)),
      `were for replies that were wrong or errors (${plural(mismatched, "message")})`,
    ],
    [reconnected > 0 ? asked : 0, "waited for a new connection in place of a lost one"],
    [
      run.inFlightAtStop * met / 1e6 / seconds,
      "were on their way when the run stopped: a longer run says more",
    ],
    [asked * Math.min(1, run.busiest / 100 + run.away), "waited for this generator"],
  ];
}
