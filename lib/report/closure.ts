/** Whether a run's figures close: what was in flight is accounted for, and the rate was the same throughout. */
import { inTime } from "../result/figures.ts";
import type { StressResult, TimelineRow } from "../result/result.ts";
import { expectsNothing, settingsOf } from "../result/settings.ts";

/** Rows of a timeline that are shorter than this, in seconds, are no second. */
const SHORTEST = 0.9;
/** Fewer seconds say nothing of how steady a rate is. */
const FEWEST = 3;

/**
 * "49.1 of 50 in flight accounted for (98 %); rate steady to ±1.2 % from second to second". Null where there is
 * neither a closed loop nor a rate over some seconds.
 */
export function closure(result: StressResult): string | null {
  const flight = result.latency_us.count > 0 ? result.in_flight : null;
  const steady = steadiness(result);
  const parts = [
    flight && `${flight.average.toFixed(1)} of ${inTenths(flight.asked)} in flight accounted for ` +
      `(${Math.min(100, Math.round(flight.accounted * 100))} %)`,
    steady === null ? null : `rate steady to ±${steady.toFixed(1)} % from second to second`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join("; ");
}

/** Connections that came and went are no whole number on average. */
const inTenths = (asked: number) => Number(asked.toFixed(1));

/**
 * The standard deviation of the rates of whole seconds, in percent of their mean. Null with too few, where the rate
 * was to change, and of a sum, whose runs may not have been there all the time.
 */
function steadiness(result: StressResult): number | null {
  const { stages = [], rampMs = 0 } = settingsOf(result);
  if (stages.length > 1 || rampMs > 0 || "parts" in result.config) return null;
  const nothing = expectsNothing(result);
  // No reply is sooner than the quickest: the first second has had less time for them.
  const before = nothing ? 0 : result.latency_us.min / 1e6;
  const rateOf = (row: TimelineRow) =>
    (nothing ? row.sent : inTime(row)) / (row.seconds - (row.t <= row.seconds ? before : 0));
  const whole = ({ seconds, t }: TimelineRow) =>
    seconds >= SHORTEST && (t > seconds || before < SHORTEST);
  const rates = result.timeline.filter(whole).map(rateOf);
  if (rates.length < FEWEST) return null;
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  if (mean === 0) return null;
  const squares = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0);
  return 100 * Math.sqrt(squares / (rates.length - 1)) / mean;
}
