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

/** A histogram of durations. Three significant digits, from 100 ns; it grows to hours. */
export class Recorder {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 100,
    highestTrackableValue: 60e9,
    numberOfSignificantValueDigits: 3,
    autoResize: true,
    bitBucketSize: 32,
  });

  /** Records a duration in milliseconds. */
  record(ms: number): void {
    this.#histogram.recordValue(Math.max(0, Math.round(ms * 1e6)));
  }

  /** The standard V2 encoding, which every HdrHistogram tool reads. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  /** Adds another recorder's encoded histogram. */
  merge(encoded: string): void {
    this.#histogram.add(decodeFromCompressedBase64(encoded, 32, false));
  }

  summary(): Distribution {
    const h = this.#histogram;
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
