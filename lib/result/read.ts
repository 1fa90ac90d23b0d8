/** Results from files: whether they are what they say they are. */
import type { Recorder } from "./recorder.ts";
import { type HistogramName, recorderOf } from "./histograms.ts";
import type { StressResult } from "./result.ts";

/**
 * What a value is: one of a kind, a list of such, or an object with these members: "x?" may be missing, and "*"
 * stands for any.
 */
type Shape = "number" | "string" | "boolean" | readonly [Shape] | Members;
interface Members {
  readonly [name: string]: Shape;
}

const numbers = (names: string): Members =>
  Object.fromEntries(names.split(" ").map((name) => [name, "number"]));

const DISTRIBUTION = numbers(
  "min mean stddev p50 p90 p99 p99_9 p99_99 p99_999 max count unanswered",
);
const SUMS = numbers("latency latency_corrected connect");

/** What reports show and sums add up. */
const RESULT: Members = {
  ...{ iomux: "string", target: "string", selector: "string", "command?": "string" },
  config: {
    ...numbers("connections? size? maxSize? pipeline? rate? tickMs? thinkMs? connectRate? rampMs?"),
    ...numbers("warmupMs? timeoutMs? messagesPerConnection? workers?"),
    ...{ "message?": "string", "expect?": "string" },
  },
  ...{ interrupted: "boolean", partial: "boolean", started_at: "string" },
  ...numbers("duration_s drain_s"),
  connections: numbers("requested established failed lost reconnected peak"),
  messages: numbers("sent received verified mismatched timed_out lost in_flight"),
  bytes: numbers("sent received"),
  rate: numbers("messages_per_s bytes_per_s"),
  ...{ latency_us: DISTRIBUTION, "latency_corrected_us?": DISTRIBUTION, connect_us: DISTRIBUTION },
  "kernel_rtt_us?": numbers("rtt variation connections"),
  "in_flight?": numbers("asked average accounted"),
  errors: { "*": "number" },
  "first_mismatch?": {
    ...numbers("connection offset"),
    ...{ kind: "string", expected: "string", actual: "string" },
  },
  generator: {
    ...numbers("cpu_percent scheduled? unsent"),
    schedule_lag_us: numbers("p50 p99 max"),
    "timer_us?": numbers("p50 p99 together added"),
    ...{ bottleneck: "boolean", "reason?": "string", limited_by: "string" },
    loop_stalls: numbers("count max_us"),
    cpu_s: numbers("user system"),
  },
  "kernel?": { "*": "number" },
  slowest: [numbers("connection latency_us rtt_us retransmits lost_segments")],
  thresholds: [{ expression: "string", value: "number", ok: "boolean" }],
  verdict: "string",
  timeline: [
    numbers(
      "t seconds sent received bytes_sent bytes_received errors active p50 p90 p99 max " +
        "p99_corrected? drained p50_corrected?",
    ),
  ],
  histograms: {
    ...{ latency: "string", "latency_corrected?": "string", connect: "string" },
    ...{ sums: SUMS, maxima: SUMS, overflow: "number" },
  },
  machine: {},
};

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
  check(value, RESULT, "");
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

const at = (value: unknown, name: string): unknown =>
  (value as Record<string, unknown> | null | undefined)?.[name];

/** @throws RangeError that names the first value which is not what it must be */
function check(value: unknown, shape: Shape, path: string): void {
  const members = membersOf(value, shape);
  if (!members) {
    throw new RangeError(
      value === undefined || path === ""
        ? `it is no result of iomux stress: it has no ${path || Object.keys(RESULT)[0]}`
        : `it is damaged: ${path} is ${JSON.stringify(value).slice(0, 60)}`,
    );
  }
  for (const [name, of] of members) {
    check(at(value, name), of, path === "" ? name : `${path}.${name}`);
  }
}

/** What a value must have in it; undefined where it is of another kind. */
function membersOf(value: unknown, shape: Shape): [name: string, Shape][] | undefined {
  if (typeof shape === "string") {
    const kind: string = typeof value;
    return kind === shape && value !== Infinity && value !== -Infinity ? [] : undefined;
  }
  const isList = Array.isArray(shape);
  if (typeof value !== "object" || value === null || Array.isArray(value) !== isList) {
    return undefined;
  }
  const [each] = isList ? shape as readonly [Shape] : [(shape as Members)["*"]];
  if (each) return Object.keys(value).map((name) => [name, each]);
  return Object.entries(shape as Members).flatMap(([written, of]): [string, Shape][] => {
    const name = written.replace("?", "");
    return name !== written && (at(value, name) ?? null) === null ? [] : [[name, of]];
  });
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
