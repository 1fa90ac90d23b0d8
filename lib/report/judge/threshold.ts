/** The conditions of `--threshold`: `p99<5ms`, `rate>100k`, `errors==0`. */
import { didYouMean } from "../../text/nearest.ts";
import { parseDuration, parseNumber } from "../../text/units.ts";

export type Operator = "<" | "<=" | ">" | ">=" | "==" | "!=";

/** Which latencies a quantile is of. */
export type LatencyKind = "latency" | "corrected" | "connect" | "lag";

export type Metric =
  /** A quantile of latencies: "min", "mean", "max", or a percentile from 0 to 100. */
  | { readonly kind: LatencyKind; readonly of: "min" | "mean" | "max" | number }
  | { readonly kind: "rate" }
  | { readonly kind: "count"; readonly name: CountName };

export type CountName = (typeof COUNTS)[number];

/** A condition. The limit is in microseconds for latencies, else a number (a second). */
export interface Threshold {
  readonly expression: string;
  readonly metric: Metric;
  readonly operator: Operator;
  readonly limit: number;
}

const COUNTS = [
  "errors",
  "mismatches",
  "lost",
  "timed_out",
  "failed",
  "lost_connections",
  "unsent",
] as const;

const METRICS = [
  ...["p50", "p90", "p99", "p99.9", "p99.99", "min", "mean", "max", "rate"],
  ...COUNTS,
];
const VARIANTS = "any percentile pNN.N; with _corrected, connect_ or lag_";
/** What the audit of the generator keeps of its lag. */
const LAG = ["p50", "p99", "max"];

/** A condition that could not be understood; the message says what was wrong with it. */
export class ThresholdError extends RangeError {
  override readonly name = "ThresholdError";
}

export function parseThreshold(text: string): Threshold {
  const fail = (why: string): never => {
    throw new ThresholdError(`threshold "${text}": ${why}`);
  };
  const match = /^\s*([\w.-]*)\s*([<>=!]*)\s*(.*?)\s*$/.exec(text);
  const [, name = "", operator = "", limit = ""] = match ?? [];
  if (name === "") {
    fail("it must start with a metric, such as p99<5ms, rate>100k or errors==0");
  }
  const metric = parseMetric(name, fail);
  if (!isOperator(operator)) {
    const found = operator === "" ? "there is no operator" : `there is no operator ${operator}`;
    fail(`${found}; use one of < <= > >= == !=`);
  }
  if (limit === "") fail(`there is nothing after ${operator}`);
  return {
    expression: text.trim(),
    metric,
    operator: operator as Operator,
    limit: parseLimit(limit, metric, fail),
  };
}

const isOperator = (text: string): text is Operator =>
  ["<", "<=", ">", ">=", "==", "!="].includes(text);

function parseMetric(name: string, fail: (why: string) => never): Metric {
  if (name === "rate") return { kind: "rate" };
  if ((COUNTS as readonly string[]).includes(name)) {
    return { kind: "count", name: name as CountName };
  }
  const [, prefix, quantile = "", suffix] = /^(connect_|lag_)?(.*?)(_corrected)?$/.exec(name)!;
  const percentile = /^p(\d+)(?:[._](\d+))?$/.exec(quantile);
  const named = quantile === "min" || quantile === "mean" || quantile === "max";
  if (!percentile && !named) {
    return fail(
      `there is no metric ${name}${didYouMean(name, METRICS)}: there are ${METRICS.join(", ")} ` +
        `(${VARIANTS})`,
    );
  }
  if (prefix !== undefined && suffix !== undefined) {
    return fail(`${prefix}… has no _corrected form: only replies have a schedule`);
  }
  const of = named ? quantile : Number(`${percentile![1]}.${percentile![2] ?? 0}`);
  if (typeof of === "number" && !(of > 0 && of <= 100)) {
    return fail(`${quantile} is no percentile: they lie above 0 and go to 100`);
  }
  if (prefix === "lag_" && !LAG.includes(quantile)) {
    return fail(`of the schedule lag there are lag_p50, lag_p99 and lag_max`);
  }
  const kind = prefix === "connect_"
    ? "connect"
    : prefix === "lag_"
    ? "lag"
    : suffix
    ? "corrected"
    : "latency";
  return { kind, of };
}

function parseLimit(text: string, { kind }: Metric, fail: (why: string) => never): number {
  try {
    if (kind === "rate" || kind === "count") return parseNumber(text);
    return Number(text) === 0 ? 0 : parseDuration(text) * 1000;
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** What a run must be like for its thresholds to mean something. */
export interface RunKind {
  readonly open: boolean;
  readonly replies: boolean;
}

/** Why a threshold can't be judged in such a run; undefined when it can. */
export function unfit({ expression, metric }: Threshold, run: RunKind): string | undefined {
  const { kind } = metric;
  const scheduled = kind === "corrected" || kind === "lag" ||
    (kind === "count" && metric.name === "unsent");
  if (scheduled && !run.open) {
    return `threshold "${expression}" needs a schedule: a closed loop has none, give a --rate`;
  }
  if ((kind === "latency" || kind === "corrected") && !run.replies) {
    return `threshold "${expression}" needs replies, and --expect none awaits none`;
  }
  return undefined;
}
