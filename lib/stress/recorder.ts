/** Latencies in an HDR histogram: recorded in nanoseconds, merged without loss, shown in microseconds. */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

/** A distribution, in microseconds. */
export interface Distribution {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p99_9: number;
  readonly p99_99: number;
  readonly max: number;
  readonly count: number;
}

const NS_PER_MS = 1e6;
/** The finest step that is kept. */
const STEP_NS = 100;
/** Shorter durations than this many steps, nearly all of them, are first counted in an array. */
const STEPS = 1 << 16;

/** A histogram of durations. Three significant digits, from 100 ns; it grows to hours. */
export class Recorder {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: STEP_NS,
    highestTrackableValue: 60e9,
    numberOfSignificantValueDigits: 3,
    autoResize: true,
    bitBucketSize: 32,
  });

  /** Recording into the histogram itself takes ten times as long, for every message of a run. */
  readonly #steps = new Uint32Array(STEPS);

  /** Records a duration in milliseconds. */
  record(ms: number): void {
    const step = Math.round(ms * (NS_PER_MS / STEP_NS));
    if (step >= 0 && step < STEPS) this.#steps[step]!++;
    else this.#histogram.recordValue(Math.max(0, step * STEP_NS));
  }

  /** Moves what was counted by steps into the histogram, which is then complete. */
  #complete(): Histogram {
    for (let step = 0; step < STEPS; step++) {
      const count = this.#steps[step]!;
      if (count > 0) this.#histogram.recordValueWithCount(step * STEP_NS, count);
    }
    this.#steps.fill(0);
    return this.#histogram;
  }

  /** The standard V2 encoding, which every HdrHistogram tool reads. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#complete());
  }

  /** Adds another recorder's encoded histogram. */
  merge(encoded: string): void {
    this.#histogram.add(decodeFromCompressedBase64(encoded, 32, false));
  }

  summary(): Distribution {
    const h = this.#complete();
    const us = (ns: number) => Math.round(ns / 100) / 10;
    const at = (percentile: number) => us(h.getValueAtPercentile(percentile));
    const empty = h.totalCount === 0;
    return {
      min: empty ? 0 : us(h.minNonZeroValue),
      mean: empty ? 0 : us(h.mean),
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p99_9: at(99.9),
      p99_99: at(99.99),
      max: empty ? 0 : us(h.maxValue),
      count: h.totalCount,
    };
  }
}
