/** `--abort-on EXPR`: ends a run as soon as it is known that it can't pass any more. */
import { holds, judge } from "../../report/judge/judge.ts";
import { type Operator, parseThreshold, type Threshold } from "../../report/judge/threshold.ts";
import type { Judged } from "../../result/judgement.ts";
import type { StressResult } from "../../result/result.ts";
import type { Run } from "../../stress/run/run.ts";
import { UsageError } from "../exit.ts";
import type { RunContext } from "./session.ts";

/** How often a run is looked at. Rates and latencies are those of its last whole second, and until then. */
const LOOK_MS = 200;

/** What a condition comes to in a result, where it is a threshold: that it does not hold. */
const OPPOSITE: Record<Operator, Operator> = {
  ...{ "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==" },
};

/** Checks that conditions can be watched while a run goes on. @throws UsageError */
export function checkAborts(conditions: readonly Threshold[]): void {
  for (const { expression, metric } of conditions) {
    const known = metric.kind === "count"
      ? ["errors", "mismatches"].includes(metric.name)
      : ["rate", "latency", "corrected"].includes(metric.kind);
    if (known) continue;
    throw new UsageError(
      `option '--abort-on': "${expression}" is not known during a run: rate, errors, mismatches, ` +
        "and latencies are",
    );
  }
}

/** Watches the runs of a context, and ends one when a condition is met. */
export class AbortWatch {
  readonly #conditions: readonly Threshold[];
  readonly #abort = new AbortController();
  #met: Judged | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(conditions: readonly Threshold[]) {
    this.#conditions = conditions;
  }

  around<C extends RunContext>(context: C): C {
    if (this.#conditions.length === 0) return context;
    return {
      ...context,
      interruption: AbortSignal.any([context.interruption, this.#abort.signal]),
      began: (run) => {
        context.began?.(run);
        this.end();
        this.#timer = setInterval(() => this.#look(run), LOOK_MS);
      },
    };
  }

  #look(run: Run): void {
    for (const condition of this.#conditions) {
      const value = valueNow(run, condition);
      if (value === null || !holds(condition, value)) continue;
      const { expression, operator } = condition;
      // A text that a threshold can have, too: results are judged anew when they are added up.
      const opposite = expression.replace(operator, OPPOSITE[operator]);
      this.#met = { expression: opposite, value, ok: false };
      this.end();
      return this.#abort.abort();
    }
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** The result with the condition that has ended it, if one has. */
  judged(result: StressResult): StressResult {
    this.end();
    if (!this.#met) return result;
    // The figure of the whole run, as the report has it, unless only a part of it was that bad.
    const [whole] = judge(result, [parseThreshold(this.#met.expression)]);
    const thresholds = [...result.thresholds, whole!.ok ? this.#met : whole!];
    return { ...result, aborted: true, thresholds, verdict: "fail" };
  }
}

/** What a metric is so far; null before anything was measured. */
function valueNow(run: Run, condition: Threshold): number | null {
  const { metric } = condition;
  if (metric.kind === "count") {
    const { errors, mismatched } = run.progress();
    return metric.name === "errors" ? errors : mismatched;
  }
  const waited = waitedNow(run, condition);
  if (waited !== null) return waited;
  const second = run.timeline.at(-1);
  if (!second || second.seconds <= 0) return null;
  if (metric.kind === "rate") {
    return (run.plan.expect.kind === "none" ? second.sent : second.received) / second.seconds;
  }
  const recorder = run.latencies[metric.kind === "corrected" ? "corrected" : "latency"];
  if (recorder.count === 0) return null;
  if (typeof metric.of === "number") return recorder.percentile(metric.of);
  return recorder.summary()[metric.of];
}

/**
 * How long is waited already, or was in vain, where a percentile falls among those messages: beyond `limit`, in
 * microseconds. Null where it falls among the replies.
 */
function waitedNow(run: Run, { metric, limit }: Threshold): number | null {
  const percent = !("of" in metric) || metric.of === "min" || metric.of === "mean"
    ? null
    : metric.of === "max"
    ? 100
    : metric.of;
  if (percent === null) return null;
  const { received, unanswered } = run.progress();
  let over = unanswered;
  let us = unanswered > 0 ? run.plan.timeoutMs * 1000 : 0;
  for (const [waited, count] of run.recorder("waiting").buckets()) {
    if (waited <= limit) continue;
    over += count;
    us = Math.max(us, waited);
  }
  const answered = received / (received + over);
  return over > 0 && answered < percent / 100 ? us : null;
}
