/** Settings and machines of several runs as those of one. */
import type { Machine, StressResult } from "../result.ts";

/** A run that is part of a sum, as `config.parts` lists it. */
export interface Part {
  readonly target: string;
  readonly started_at: string;
  readonly duration_s: number;
  /** Connections that it had open at the same time, at most. */
  readonly peak: number;
  readonly verified: number;
}

/** Settings that add up: each run has had its share. */
const SHARES = new Set(["connections", "messages", "rate", "connectRate", "workers", "processes"]);
/** Of no meaning in a sum. */
const DROPPED = new Set(["parts", "part"]);

/** The runs that a result is the sum of: itself, if it is none. */
export function partsOf(result: StressResult): Part[] {
  const { parts } = result.config;
  if (Array.isArray(parts)) return parts;
  const { target, started_at, duration_s, connections, messages } = result;
  return [{ target, started_at, duration_s, peak: connections.peak, verified: messages.verified }];
}

/** The runs of all results, always in the same order. */
export const allParts = (results: readonly StressResult[]): Part[] =>
  results.flatMap(partsOf).map((part) => [part, JSON.stringify(part)] as const)
    .sort(([, a], [, b]) => a < b ? -1 : a > b ? 1 : 0).map(([part]) => part);

/** Settings on which all agree; shares are summed. What differs is left out. */
export function mergeConfig(results: readonly StressResult[]): Record<string, unknown> {
  const configs = results.map(({ config }) => config);
  const merged: Record<string, unknown> = {};
  for (const key of Object.keys(configs[0]!).sort()) {
    if (DROPPED.has(key) || !configs.every((config) => key in config)) continue;
    const values = configs.map((config) => config[key]);
    if (SHARES.has(key) && values.every((value) => typeof value === "number")) {
      merged[key] = values.reduce((a, b) => a + b, 0);
    } else if (key === "stages" && values.every((value) => Array.isArray(value))) {
      const stages = mergeStages(values);
      if (stages) merged[key] = stages;
    } else if (new Set(values.map((value) => JSON.stringify(value))).size === 1) {
      merged[key] = values[0];
    }
  }
  return { ...merged, parts: allParts(results) };
}

interface Span {
  from: number;
  to: number;
}
type Stage = { durationMs: number; rate?: Span; connections?: Span };

/** Stages of the same lengths, with the sums of their rates and connections; else nothing. */
function mergeStages(all: readonly Stage[][]): Stage[] | undefined {
  const [first, ...others] = all as [Stage[], ...Stage[][]];
  const shape = (stages: Stage[]) =>
    JSON.stringify(stages.map((s) => [s.durationMs, Boolean(s.rate), Boolean(s.connections)]));
  if (others.some((stages) => shape(stages) !== shape(first))) return undefined;
  const sum = (index: number, key: "rate" | "connections") => {
    if (!first[index]![key]) return {};
    const spans = all.map((stages) => stages[index]![key]!);
    const total = (end: keyof Span) => spans.reduce((total, span) => total + span[end], 0);
    return { [key]: { from: total("from"), to: total("to") } };
  };
  return first.map(({ durationMs }, i) => ({
    durationMs,
    ...sum(i, "rate"),
    ...sum(i, "connections"),
  }));
}

/** Texts that all agree on, or all of them. */
export function mergeTexts(texts: readonly string[]): string {
  if (texts.every((text) => text === texts[0])) return texts[0]!;
  return [...new Set(texts.flatMap((text) => text.split(", ")))].sort().join(", ");
}

/** What is true of all machines; different texts are listed, of numbers the highest is taken. */
export function mergeMachines(machines: readonly Machine[]): Machine {
  const entries = Object.keys(machines[0]!).map((key) => {
    const values = machines.map((machine) => machine[key as keyof Machine]);
    return [
      key,
      values.every((value) => typeof value === "number")
        ? Math.max(...values as number[])
        : mergeTexts(values.map(String)),
    ];
  });
  return Object.fromEntries(entries) as Machine;
}

/** Microseconds since the epoch, which are whole numbers: sums of them don't depend on the order. */
const spanOf = ({ started_at, duration_s }: Part): [from: number, to: number] => {
  const from = Date.parse(started_at) * 1000;
  return [from, from + Math.round(duration_s * 1e6)];
};

/** For how long any of the runs went on, and for how long all of them did; in seconds. */
export function timesOf(parts: readonly Part[]): { any: number; all: number } {
  let any = 0;
  let end = -Infinity;
  for (const [from, to] of parts.map(spanOf).sort(([a], [b]) => a - b)) {
    any += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  const spans = parts.map(spanOf);
  const all = Math.min(...spans.map(([, to]) => to)) - Math.max(...spans.map(([from]) => from));
  return { any: any / 1e6, all: Math.max(0, all) / 1e6 };
}

/** The most connections that can have been open at the same time. */
export function peakOf(parts: readonly Part[]): number {
  const changes = parts.flatMap((part): [time: number, change: number][] => {
    const [from, to] = spanOf(part);
    return [[from, part.peak], [Math.max(to, from + 1), -part.peak]];
  });
  let [open, peak] = [0, 0];
  for (const [, change] of changes.sort(([a, x], [b, y]) => a - b || x - y)) {
    peak = Math.max(peak, open += change);
  }
  return peak;
}
