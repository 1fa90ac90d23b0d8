/** Whether a probe of `--find-rate` holds: its conditions, its errors, its schedule, and the machine. */
import { judge, valueOf } from "../../report/judge/judge.ts";
import type { CountName, Metric, Threshold } from "../../report/judge/threshold.ts";
import type { CpuUse } from "../../result/audit/evidence.ts";
import type { Judged } from "../../result/judgement.ts";
import type { StressResult } from "../../result/result.ts";
import type { ProbeJudgement } from "../../stress/run/find_rate.ts";
import { formatRate, formatUs } from "../../text/units.ts";
import { percent } from "../../text/words.ts";

/** This share of the messages must be answered, and in this share of the time for them. */
const ANSWERED = 0.99;
const IN_TIME = 0.9;
/** Fewer messages than these say nothing of a rate. */
const COUNTABLE = 20;
/** Percentiles must rest on so many messages beyond them. */
const BEYOND = 100;
/** Other programs that use so much of a machine's CPUs have a part in what is measured, in percent. */
const BUSY = 25;

/** In an open loop it is the latency from the scheduled send that counts. */
export const corrected = (threshold: Threshold): Threshold =>
  threshold.metric.kind === "latency"
    ? { ...threshold, metric: { ...threshold.metric, kind: "corrected" } as Metric }
    : threshold;

/** How many messages a probe must have for the percentiles of its conditions. */
export function messagesFor(thresholds: readonly Threshold[]): number {
  const needed = thresholds.map(({ metric }) => {
    const percent = "of" in metric ? metric.of : null;
    return typeof percent === "number" && percent < 100 ? BEYOND / (1 - percent / 100) : BEYOND;
  });
  return Math.ceil(Math.max(BEYOND, ...needed) - 1e-6);
}

/** Why the machine was too busy with something else; null when it was not, or that can't be known. */
export function busyWith(cpu: CpuUse | null): string | null {
  if (cpu === null || cpu.machine === null) return null;
  const others = (cpu.machine - cpu.process) / cpu.cpus;
  if (others < BUSY) return null;
  return `other programs used ${percent(others)} of this machine's CPUs, so that no rate can be ` +
    "found: end them, or measure elsewhere";
}

/** Judges a probe. `cpu` says how busy the machine was, null where that is unknown. */
export function judgeProbe(
  result: StressResult,
  { rate, seconds, thresholds, cpu }: {
    rate: number;
    seconds: number;
    thresholds: readonly Threshold[];
    cpu: CpuUse | null;
  },
): ProbeJudgement {
  const outcome = judge(result, thresholds.map(corrected));
  const busy = busyWith(cpu);
  const { bottleneck, reason } = result.generator;
  const why = { thresholds: outcome, broken: whyBroken(result) };
  if (busy !== null) return { ...why, reason: busy, by: "machine" };
  const due = result.generator.scheduled ?? Math.floor(rate * seconds);
  if (due === 0 && why.broken === null) {
    const reason = "no message was due in its time: longer probes say more (--duration)";
    return { ...why, reason, by: "target" };
  }
  if (bottleneck) {
    return { ...why, reason: `the generator was the bottleneck: ${reason}`, by: "generator" };
  }
  const failure = whyNot(result, rate, seconds, thresholds, outcome);
  return { ...why, reason: failure, by: failure === null ? null : "target" };
}

function whyNot(
  result: StressResult,
  rate: number,
  seconds: number,
  thresholds: readonly Threshold[],
  outcome: readonly Judged[],
): string | null {
  const { messages, connections, generator, latency_corrected_us: latency } = result;
  // A condition on a count says how many of these are too many.
  const named = new Set(
    thresholds.flatMap(({ metric }) => metric.kind === "count" ? [metric.name] : []),
  );
  const errors: [CountName, number, string][] = [
    ["failed", connections.failed, "connects failed"],
    ["timed_out", messages.timed_out, "messages timed out"],
    ["lost", messages.lost, "messages were lost"],
    ["lost_connections", connections.lost, "connections were lost"],
  ];
  const error = errors.find(([name, count]) =>
    count > 0 && !named.has(name) && !named.has("errors")
  );
  if (error) return `${error[1]} ${error[2]}`;
  const due = generator.scheduled ?? Math.floor(rate * seconds);
  if (messages.received < ANSWERED * due - 1) {
    return `only ${messages.received} of ${due} messages were answered`;
  }
  // A reply takes its time, whatever the rate: what was due at the end is answered later.
  const inTime = rate * (1 - Math.min(1, (latency?.min ?? 0) / 1e6 / seconds));
  const { messages_per_s: achieved } = result.rate;
  if (due >= COUNTABLE && achieved < IN_TIME * inTime) {
    return `only ${formatRate(achieved)} messages a second were answered`;
  }
  const failed = outcome.findIndex(({ ok }) => !ok);
  if (failed < 0) return null;
  const { expression, value } = outcome[failed]!;
  const threshold = corrected(thresholds[failed]!);
  const known = valueOf(result, threshold.metric) !== null;
  return `${expression} does not hold: ${known ? show(threshold, value) : "nothing was measured"}`;
}

const show = ({ metric }: Threshold, value: number): string =>
  metric.kind === "rate" || metric.kind === "count" ? String(value) : formatUs(value);

function whyBroken({ messages, connections, errors }: StressResult): string | null {
  if (messages.mismatched > 0) return `${messages.mismatched} replies were wrong`;
  if (connections.established > 0) return null;
  return `no connection was made: ${Object.keys(errors).join(", ")}`;
}
