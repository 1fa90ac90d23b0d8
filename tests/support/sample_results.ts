// Results of runs that were never made, for the tests of reports: consistent, and the same every time.
import { encodeHistogram } from "../../lib/result/hdr.ts";
import { encodeHistograms } from "../../lib/result/histograms.ts";
import { Recorder } from "../../lib/result/recorder.ts";
import type { StressResult, TimelineRow } from "../../lib/result/result.ts";

/** Numbers that look random, from 0 to 1, the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Normally distributed numbers (Box and Muller). */
export function noiseOf(seed: number): () => number {
  const random = randomOf(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** What a sample is like. */
export interface SampleOptions {
  /** With a schedule, and a second in which the target stood still. */
  readonly open?: boolean;
  readonly seconds?: number;
  /** The median latency, about, in milliseconds. */
  readonly medianMs?: number;
  readonly seed?: number;
}

/** A result, with what `change` says otherwise. */
export function sampleResult(
  options: SampleOptions = {},
  change: Partial<StressResult> = {},
): StressResult {
  const { open = false, seconds = 8, medianMs = 0.12, seed = 1 } = options;
  const random = randomOf(seed);
  const [all, allCorrected, connect] = [new Recorder(), new Recorder(), new Recorder()];
  for (let i = 0; i < 50; i++) connect.record(0.05 + random() * 0.2);
  const timeline: TimelineRow[] = [];
  for (let t = 1; t <= seconds; t++) {
    const stalled = open && t === Math.ceil(seconds / 2);
    const [latency, corrected] = [new Recorder(), new Recorder()];
    const messages = stalled ? 40 : 4000 + Math.floor(random() * 400);
    for (let i = 0; i < messages; i++) {
      const ms = medianMs * Math.exp(2 * random() * random() - 0.35) + 0.002 / (random() + 0.0005);
      latency.record(ms);
      corrected.record(stalled ? ms + 1000 * random() : ms + 0.02 * random());
    }
    all.add(latency);
    allCorrected.add(corrected);
    const { p50, p90, p99, max } = latency.summary();
    timeline.push({
      t,
      seconds: 1,
      sent: messages,
      received: messages,
      bytes_sent: messages * 64,
      bytes_received: messages * 64,
      errors: stalled ? 3 : 0,
      active: 50,
      ...{ p50, p90, p99, max },
      p99_corrected: open ? corrected.percentile(99) : null,
      drained: 0,
      p50_corrected: open ? corrected.percentile(50) : null,
    });
  }
  const count = all.count;
  return {
    iomux: "0.0.0-sample",
    target: "127.0.0.1:9999",
    selector: "epoll",
    config: {
      ...{ connections: 50, durationMs: seconds * 1000, messages: null, size: 64, message: null },
      ...{ expect: "echo", pipeline: open ? null : 1, rate: open ? 4200 : null },
      tickMs: 0,
      ...{ stages: [], connectRate: null, rampMs: 0, hold: false, messagesPerConnection: null },
      ...{ reconnect: false, warmupMs: 0, sources: [], workers: 1, clientSelector: "auto" },
      ...{ timeoutMs: 5000, seed: 42 },
    },
    interrupted: false,
    partial: false,
    started_at: "2026-01-02T03:04:05.678Z",
    ...{ duration_s: seconds, drain_s: 0 },
    connections: {
      ...{ requested: 50, established: 50, failed: 0, lost: 0, reconnected: 0, peak: 50 },
    },
    messages: {
      ...{ sent: count, received: count, verified: count, mismatched: 0, timed_out: 0, lost: 0 },
      in_flight: 0,
    },
    bytes: { sent: count * 64, received: count * 64 },
    rate: { messages_per_s: count / seconds, bytes_per_s: count * 64 / seconds },
    latency_us: all.summary(),
    latency_corrected_us: open ? allCorrected.summary() : null,
    connect_us: connect.summary(),
    kernel_rtt_us: open ? { rtt: 31, variation: 12, connections: 50 } : null,
    in_flight: open ? null : { asked: 50, average: 49.1, accounted: 0.982 },
    errors: open ? { ETIMEDOUT: 3 } : {},
    first_mismatch: null,
    generator: {
      cpu_percent: 34.2,
      schedule_lag_us: open ? { p50: 12, p99: 80, max: 910 } : { p50: 0, p99: 0, max: 0 },
      bottleneck: false,
      reason: null,
      limited_by: open ? "nothing: the asked rate was reached" : "the target's time to reply",
      loop_stalls: { count: 0, max_us: 0 },
      cpu_s: { user: 1.9, system: 0.8 },
      timer_us: open ? { p50: 55, p99: 152, together: 152, added: 0 } : null,
      scheduled: open ? count : null,
      unsent: 0,
    },
    kernel: { ListenOverflows: 0, ListenDrops: 0, RetransSegs: 0, TCPTimeouts: 0 },
    slowest: [],
    server: null,
    thresholds: [],
    verdict: "pass",
    timeline,
    histograms: encodeHistograms(
      { latency: all, corrected: open ? allCorrected : undefined, connect },
      0,
    ),
    machine: {
      ...{ os: "linux", arch: "x64", kernel: "6.1.0", cpus: 2, cpu_model: "A CPU at 2.0 GHz" },
      ...{ memory_bytes: 8 * 2 ** 30, runtime: "bun 1.3.0" },
    },
    ...change,
  };
}

/** A result with these latencies instead of its own. */
export const withLatencies = (result: StressResult, recorder: Recorder): StressResult => ({
  ...result,
  latency_us: recorder.summary(),
  histograms: {
    ...result.histograms,
    latency: encodeHistogram(recorder),
    sums: { ...result.histograms.sums, latency: recorder.exact.sum },
    maxima: { ...result.histograms.maxima, latency: recorder.exact.max },
  },
});
