/** Results from files: whether they are what they say they are. */
import type { Recorder } from "./recorder.ts";
import { type HistogramName, recorderOf } from "./histograms.ts";
import type { StressResult } from "./result.ts";

/** What a sum needs, and what sort of value it is. */
const NEEDED: readonly [path: string, type: string][] = [
  ["iomux", "string"],
  ["target", "string"],
  ["selector", "string"],
  ["config", "object"],
  ["interrupted", "boolean"],
  ["partial", "boolean"],
  ["started_at", "string"],
  ["duration_s", "number"],
  ["drain_s", "number"],
  ["connections.established", "number"],
  ["connections.peak", "number"],
  ["messages.sent", "number"],
  ["messages.verified", "number"],
  ["bytes.sent", "number"],
  ["rate.messages_per_s", "number"],
  ["latency_us.count", "number"],
  ["latency_us.unanswered", "number"],
  ["connect_us.count", "number"],
  ["errors", "object"],
  ["generator.cpu_s.user", "number"],
  ["slowest", "object"],
  ["thresholds", "object"],
  ["verdict", "string"],
  ["timeline", "object"],
  ["histograms.latency", "string"],
  ["histograms.connect", "string"],
  ["histograms.sums", "object"],
  ["histograms.maxima", "object"],
  ["machine", "object"],
];

/** What only the reports of other modes have. */
const MODES: Record<string, string> = {
  compare: "--compare",
  find_rate: "--find-rate",
  profiles: "iomux probe",
};

/**
 * The result in a text, as `--json` writes it.
 *
 * @throws RangeError that says what is wrong with it: cut off, something else, damaged
 */
export function parseResult(text: string): StressResult {
  const value = parseJson(text);
  for (const [key, mode] of Object.entries(MODES)) {
    if (at(value, key)) throw new RangeError(`it is a report of ${mode}, not of one run`);
  }
  for (const [path, type] of NEEDED) {
    const found = at(value, path);
    if (typeof found === type && found !== null) continue;
    throw new RangeError(`it is no result of iomux stress: it has no ${path}`);
  }
  const result = value as StressResult;
  if (Number.isNaN(Date.parse(result.started_at))) {
    throw new RangeError(`it is damaged: started_at is "${result.started_at}"`);
  }
  checkHistogram(result, "latency", result.latency_us.count);
  checkHistogram(result, "connect", result.connect_us.count);
  const corrected = result.latency_corrected_us;
  if (corrected) checkHistogram(result, "latency_corrected", corrected.count);
  return result;
}

function parseJson(text: string): unknown {
  if (text.trim() === "") throw new RangeError("it is empty");
  try {
    return JSON.parse(text);
  } catch {
    const whole = text.trimEnd().endsWith("}");
    throw new RangeError(whole ? "it is no JSON" : "it is cut off, or no JSON");
  }
}

function at(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (inner, key) => (inner as Record<string, unknown> | null | undefined)?.[key],
    value,
  );
}

function checkHistogram(result: StressResult, name: HistogramName, count: number): void {
  let recorder: Recorder | undefined;
  try {
    recorder = recorderOf(result, name);
  } catch {
    throw new RangeError(`it is damaged: the histogram of ${name} can't be decoded`);
  }
  if (recorder?.count === count) return;
  const held = recorder?.count ?? "no";
  throw new RangeError(`it is damaged: the histogram of ${name} has ${held} values, not ${count}`);
}
