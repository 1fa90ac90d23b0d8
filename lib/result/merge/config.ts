/** Settings and machines of several runs as those of one. */
import type { Machine, StressResult } from "../result.ts";
import { settingsOf, type StageSettings } from "../settings.ts";
import { allParts } from "./parts.ts";

/** Settings that add up: each run has had its share. */
const SHARES = new Set(["connections", "messages", "rate", "connectRate", "workers"]);
/** Of no meaning in a sum. */
const DROPPED = new Set(["parts", "different"]);

/** Settings on which all agree; shares are summed. What differs is left out, and named in `different`. */
export function mergeConfig(results: readonly StressResult[]): Record<string, unknown> {
  const configs = results.map(({ config }) => config);
  const merged: Record<string, unknown> = {};
  const named = results.flatMap((result) => settingsOf(result).different ?? []);
  const keys = new Set([...configs.flatMap((config) => Object.keys(config)), ...named]);
  for (const key of [...keys].filter((key) => !DROPPED.has(key)).sort()) {
    if (!configs.every((config) => key in config)) continue;
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
  const different = [...keys].filter((key) => !DROPPED.has(key) && !(key in merged)).sort();
  return { ...merged, different, parts: allParts(results) };
}

/** Stages of the same lengths, with the sums of their rates and connections; else nothing. */
function mergeStages(all: readonly StageSettings[][]): StageSettings[] | undefined {
  const [first, ...others] = all as [StageSettings[], ...StageSettings[][]];
  const shape = (stages: StageSettings[]) =>
    JSON.stringify(stages.map((s) => [s.durationMs, Boolean(s.rate), Boolean(s.connections)]));
  if (others.some((stages) => shape(stages) !== shape(first))) return undefined;
  const sum = (index: number, key: "rate" | "connections") => {
    if (!first[index]![key]) return {};
    const spans = all.map((stages) => stages[index]![key]!);
    const total = (end: "from" | "to") => spans.reduce((total, span) => total + span[end], 0);
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
