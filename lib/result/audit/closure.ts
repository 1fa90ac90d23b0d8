/** Where the time of a closed loop went that no latency has. */
import { ELSEWHERE, type Elsewhere } from "../elsewhere.ts";
import type { Evidence } from "./evidence.ts";
import { formatCount } from "../../text/units.ts";

/** A closed loop of whose messages in flight so much is accounted for closes. */
const CLOSED = 0.95;
/** What has cost less of what is missing is not named. */
const NAMED = 0.25;
/** So much of something is most of it: a generator that was at work for that much of the rest has made it. */
const MOST = 0.5;

/** The same clause where more of the time went there than to replies: what these took has limited nothing. */
export function mostlyElsewhere(run: Evidence): string | null {
  const { closure: flight, elsewhere, messagesPerConnection } = run;
  if (flight === null || flight.accounted >= MOST) return null;
  const missing = flight.asked - flight.average;
  // Connections that are made anew all the time were asked for: what limits them has a sentence of its own.
  if (messagesPerConnection !== null && elsewhere.renewed >= MOST * missing) return null;
  return closure(run);
}

/** What has cost most of it, as a clause; null where a loop closes. It was measured, however short the run. */
export function closure(run: Evidence): string | null {
  const { closure, counted, elsewhere } = run;
  if (!counted || closure === null || closure.accounted >= CLOSED) return null;
  const { asked, average } = closure;
  const missing = asked - average;
  const measured = (Object.keys(ELSEWHERE) as Elsewhere[])
    .map((cause) => [elsewhere[cause], ELSEWHERE[cause]] as const);
  const rest = missing - measured.reduce((sum, [messages]) => sum + messages, 0);
  const all = [...measured, [rest, restOf(run, rest / asked)] as const]
    .sort(([a], [b]) => b - a);
  const named = all.filter(([messages], i) => i === 0 || messages >= NAMED * missing)
    .map(([messages, what]) => `${Number(messages.toPrecision(2))} ${what}`);
  return `of ${formatCount(asked)} in flight, on average ${named.join(", and ")}`;
}

/** A connection that is open and waits for nothing waits for us to send on it, if we had that much to do. */
const restOf = ({ busiest, away }: Evidence, share: number): string =>
  busiest / 100 + away >= MOST * share ? "waited for this generator" : "are not accounted for";
