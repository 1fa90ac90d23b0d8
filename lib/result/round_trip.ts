/** The kernel's own estimate of round trips, over several connections or runs. */
import type { SmoothedRoundTrip } from "./result.ts";

/** The mean of all that are known, each for as many connections as it stands for; null for none. */
export function meanRoundTrip(
  all: readonly (SmoothedRoundTrip | null | undefined)[],
): SmoothedRoundTrip | null {
  const known = all.filter((one) => one !== null && one !== undefined);
  const connections = known.reduce((sum, one) => sum + one.connections, 0);
  if (connections === 0) return null;
  // The kernel's figures are whole: so the mean of means is that of all, in any order.
  const mean = (key: "rtt" | "variation") =>
    round6(
      known.reduce((sum, one) => sum + Math.round(one[key] * one.connections), 0) / connections,
    );
  return { rtt: mean("rtt"), variation: mean("variation"), connections };
}

const round6 = (value: number) => Math.round(value * 1e6) / 1e6;
