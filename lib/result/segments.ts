/** How a rate, or a number of connections, goes over the time of a run, piece by piece. */
import type { Settings as All } from "./settings.ts";

type Settings = Pick<All, "stages" | "rate" | "connections" | "rampMs" | "warmupMs">;

/** A piece of a profile, linear from `from` to `to`. */
export interface Segment {
  readonly durationMs: number;
  readonly from: number;
  readonly to: number;
}

/** Messages a second over all connections, from the start of the warm-up; empty in a closed loop. */
export function rateProfile(
  { stages = [], rate = null, rampMs = 0, warmupMs = 0 }: Settings,
): Segment[] {
  const rates = stages.flatMap(({ durationMs, rate }) => rate ? [{ durationMs, ...rate }] : []);
  if (rates.length > 0) return warmed(warmupMs, rates);
  if (rate === null) return [];
  const steady = { durationMs: Infinity, from: rate, to: rate };
  return rampMs > 0
    ? warmed(warmupMs, [{ durationMs: rampMs, from: 0, to: rate }, steady])
    : [steady];
}

/** Connections that take part, over all threads; empty when all do from the start. */
export function connectionProfile(
  { stages = [], connections = 0, rampMs = 0, warmupMs = 0 }: Settings,
): Segment[] {
  const counts = stages.flatMap(({ durationMs, connections: n }) =>
    n ? [{ durationMs, ...n }] : []
  );
  if (counts.length > 0) return warmed(warmupMs, counts);
  return rampMs > 0 ? warmed(warmupMs, [{ durationMs: rampMs, from: 0, to: connections }]) : [];
}

/** A warm-up is like the first moment of what follows: of the first stage, or of the ramp. */
const warmed = (warmupMs: number, segments: Segment[]): Segment[] => {
  const { from } = segments[0]!;
  return warmupMs > 0 ? [{ durationMs: warmupMs, from, to: from }, ...segments] : segments;
};

/** The value of a profile at a time; after its end, its last one. */
export function valueAt(profile: readonly Segment[], ms: number): number {
  let left = ms;
  for (const { durationMs, from, to } of profile) {
    if (left < durationMs) {
      return from + (durationMs === Infinity ? 0 : (to - from) * left / durationMs);
    }
    left -= durationMs;
  }
  return profile.at(-1)?.to ?? 0;
}

/** How many connections took part on average, in so many seconds of counting. */
export function averageConnections(settings: Settings, seconds: number): number {
  const { connections = 0, warmupMs = 0 } = settings;
  const profile = connectionProfile(settings);
  if (profile.length === 0) return connections;
  const samples = 1000;
  let sum = 0;
  for (let i = 0; i < samples; i++) { // each is one, however short a part of it is due
    const ms = warmupMs + (i + 0.5) / samples * seconds * 1000;
    sum += Math.ceil(valueAt(profile, ms) - 1e-9);
  }
  return Math.round(sum / samples * 1000) / 1000;
}
