/** Adds the results of a run's threads up. */
import { audit, type AuditSurroundings, evidenceOf } from "./audit.ts";
import { showExpectation } from "../plan/expectation.ts";
import { inFlightOf, isClean } from "../../result/figures.ts";
import { encodeHistograms } from "../../result/histograms.ts";
import { mergeSlowest } from "../../result/merge/figures.ts";
import { Recorder, UNIT_NS } from "../../result/recorder.ts";
import { meanRoundTrip } from "../../result/round_trip.ts";
import type { LoadResult } from "../plan/plan.ts";
import type { Machine, StressResult } from "../../result/result.ts";
import { averageConnections, rateProfile } from "../../result/segments.ts";
import type { Run } from "./run.ts";

export interface Surroundings extends AuditSurroundings {
  readonly version: string;
  readonly target: string;
  readonly machine: Machine;
}

export function summarize(
  run: Run,
  results: readonly LoadResult[],
  around: Surroundings,
): StressResult {
  const { plan } = run;
  const sum = (pick: (result: LoadResult) => number) =>
    results.reduce((total, result) => total + pick(result), 0);
  const open = rateProfile(plan).length > 0;
  const { latency, corrected } = run.latencies;
  const connect = run.recorder("connect");
  const startedAt = Math.min(...results.map((result) => result.startedAt));
  const stoppedAt = Math.max(...results.map((result) => result.stoppedAt));
  // Where messages never began to count nothing is divided by anything.
  const duration = run.elapsedMs > 0 ? Math.max(stoppedAt - startedAt, 0.001) / 1000 : 0;
  const seconds = duration || Infinity;
  const received = sum((r) => r.received);
  const messages = {
    sent: sum((r) => r.sent),
    received,
    verified: received,
    mismatched: sum((r) => r.mismatched),
    timed_out: sum((r) => r.timedOut),
    lost: sum((r) => r.unanswered),
    in_flight: sum((r) => r.inFlightMs.length),
  };
  const bytes = { sent: sum((r) => r.bytesOut), received: sum((r) => r.bytesIn) };
  const paced = plan.expect.kind !== "none";
  // Within the time that they are divided by: what was answered later is no part of a rate.
  const done = sum(({ atStop }) => paced ? atStop.received : atStop.sent);
  const bytesDone = sum(({ atStop }) => paced ? atStop.bytesIn : atStop.bytesOut);
  const connections = {
    requested: plan.connections,
    established: sum((r) => r.established),
    failed: sum((r) => r.failed),
    lost: sum((r) => r.lost),
    reconnected: sum((r) => r.reconnected),
    peak: sum((r) => r.peak),
  };
  const inFlight = new Recorder();
  for (const { inFlightMs } of results) for (const ms of inFlightMs) inFlight.recordAtLeast(ms);
  const unanswered = {
    count: messages.timed_out + messages.lost,
    us: plan.timeoutMs * 1000,
    cutOff: inFlight,
  };
  const latencies = latency.summary(unanswered);
  const { target: _, tls, ...config } = plan;
  const rate = done / seconds;
  // Of the replies that the rate is of, in microseconds: with those of a slow drain the two don't belong together.
  const inTime = (latency.exact.sum - sum((r) => r.drainedLatency)) * UNIT_NS / 1e3;
  const mean = done > 0 ? inTime / done : latencies.mean;
  const closure = open || !paced || plan.hold || plan.thinkMs > 0
    ? null
    : inFlightOf(averageConnections(plan, seconds) * (plan.pipeline ?? 1), rate, latencies);
  const evidence = evidenceOf(run, results, { seconds, rate, mean, around, closure });
  const generator = audit(evidence, results);
  return {
    iomux: around.version,
    target: around.target,
    selector: results[0]!.selector,
    config: {
      ...config,
      ...(tls ? { tls: { ...tls, ca: tls.ca?.path, identity: tls.identity?.cert.path } } : {}),
      ...showExpectation(plan.expect),
    },
    interrupted: run.interrupted,
    partial: false,
    started_at: new Date(startedAt).toISOString(),
    duration_s: Math.round(duration * 1e6) / 1e6,
    drain_s: Math.round(Math.max(...results.map(({ drainMs }) => drainMs)) * 1000) / 1e6,
    connections,
    messages,
    bytes,
    rate: {
      messages_per_s: Math.round(rate * 1000) / 1000,
      bytes_per_s: Math.round(bytesDone / seconds),
    },
    latency_us: latencies,
    latency_corrected_us: open ? corrected.summary(unanswered) : null,
    connect_us: connect.summary(),
    kernel_rtt_us: meanRoundTrip(results.map(({ roundTrip }) => roundTrip)),
    in_flight: closure,
    errors: errorsOf(run, results),
    first_mismatch: results.find((r) => r.firstMismatch)?.firstMismatch ?? null,
    generator,
    kernel: around.kernel,
    slowest: mergeSlowest(results),
    server: around.server?.stats ?? null,
    thresholds: [],
    verdict: !isClean({ messages, connections })
      ? "fail"
      : generator.bottleneck
      ? "invalid"
      : "pass",
    timeline: [...run.timeline],
    histograms: encodeHistograms(
      { latency, connect, inFlight, ...(open ? { corrected, lag: run.recorder("lag") } : {}) },
      latency.overflow + (open ? corrected.overflow : 0),
    ),
    machine: around.machine,
  };
}

/** Errors by the names of the system and by the numbers of the replies' protocol. */
function errorsOf(run: Run, results: readonly LoadResult[]): Record<string, number> {
  const errors = run.errors();
  for (const { statuses } of results) {
    for (const [status, count] of Object.entries(statuses)) {
      errors[status] = (errors[status] ?? 0) + count;
    }
  }
  return errors;
}
