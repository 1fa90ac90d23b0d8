/** The stages of a scenario as the plan of a run has them: each with where it begins and ends. */
import type { StageSettings } from "../../result/settings.ts";

/** A stage as it is written. Durations in milliseconds, rates per second. */
export interface StageEntry {
  readonly duration: number;
  readonly rate?: number | undefined;
  readonly connections?: number | undefined;
  readonly ramp?: boolean | undefined;
}

/**
 * A quantity that a stage does not name goes on as before. `ramp` goes to it in a line from where the stage
 * before has ended: for the first stage that is the value before the stages, or else 0.
 */
export function stagesOf(
  entries: readonly StageEntry[],
  before: Omit<StageEntry, "duration">,
): StageSettings[] {
  const rates = changes(entries, "rate", before.rate);
  const connections = changes(entries, "connections", before.connections);
  return entries.map(({ duration: durationMs }, i) => ({
    durationMs,
    ...(rates ? { rate: rates[i]! } : {}),
    ...(connections ? { connections: connections[i]! } : {}),
  }));
}

/** How a quantity goes through the stages; null when none names it. */
function changes(
  entries: readonly StageEntry[],
  key: "rate" | "connections",
  before: number | undefined,
): { from: number; to: number }[] | null {
  if (entries.every((entry) => entry[key] === undefined)) return null;
  let last = before;
  return entries.map((entry) => {
    const to = entry[key] ?? last ?? 0;
    const from = entry.ramp ? last ?? 0 : to;
    last = to;
    return { from, to };
  });
}

export const lengthOf = (stages: readonly StageSettings[]): number =>
  stages.reduce((total, { durationMs }) => total + durationMs, 0);

export const mostConnections = (stages: readonly StageSettings[]): number =>
  Math.max(
    0,
    ...stages.flatMap(({ connections: n }) => n ? [Math.ceil(n.from), Math.ceil(n.to)] : []),
  );

/** The stages without what the command line has decided; none when nothing is left. */
export function without(
  stages: readonly StageSettings[],
  key: "rate" | "connections",
): StageSettings[] {
  const left = stages.map((stage) => {
    const { [key]: _, ...rest } = stage;
    return rest as StageSettings;
  });
  return left.some(({ rate, connections }) => rate || connections) ? left : [];
}
