/** The kernel's own estimate of round trips, over several connections or runs. */
import type { SmoothedRoundTrip } from "./result.ts";

/** The mean of all that are known, each for as many connections as it stands for; null for none. */
export function meanRoundTrip(
  all: readonly (SmoothedRoundTrip | null | undefined)[],
): SmoothedRoundTrip | null {
  const known = all.filter((one) => one !== null && one !== undefined);
  const connections = known.reduce((sum, one) => sum + one.connections, 0);
  if (connections === 0) return null;
  const mean = (key: "rtt" | "variation") =>
    Math.round(10 * known.reduce((sum, one) => sum + one[key] * one.connections, 0) / connections) /
    10;
  return { rtt: mean("rtt"), variation: mean("variation"), connections };
}
