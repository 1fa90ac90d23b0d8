/** Recorders in the formats of the HdrHistogram tools. */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
  type JsHistogram,
} from "hdr-histogram-js";
import { HIGHEST, Recorder } from "./recorder.ts";

/** Doubles count up to 2^53. */
const BITS = 64;
/** Reporting points for each halving of the distance to 100 %, as the other tools print them. */
const TICKS = 5;
const UNITS_PER_US = 10;

function histogramOf(recorder: Recorder): Histogram {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST,
    numberOfSignificantValueDigits: 3,
    autoResize: true,
    bitBucketSize: BITS,
  });
  for (const [units, count] of recorder.units()) histogram.recordValueWithCount(units, count);
  return histogram;
}

/**
 * The compressed V2 encoding in base64, which every HdrHistogram tool reads. Values are in units of 100
 * ns.
 */
export function encodeHistogram(recorder: Recorder): string {
  return encodeIntoCompressedBase64(histogramOf(recorder));
}

/**
 * A recorder with all counts of an encoded histogram. Its mean and its extremes are as exact as buckets
 * are; `refine` makes them exact.
 *
 * @throws Error when the text is something else
 */
export function decodeHistogram(text: string): Recorder {
  const histogram = decodeFromCompressedBase64(text, BITS, false) as JsHistogram;
  const recorder = new Recorder();
  for (let index = 0; index < histogram.countsArrayLength; index++) {
    const count = histogram.getCountAtIndex(index);
    if (count > 0) recorder.recordUnits(histogram.valueFromIndex(index), count);
  }
  return recorder;
}

/** The percentile distribution that the tools plot (".hgrm"), in microseconds. */
export function percentileDistribution(recorder: Recorder): string {
  return histogramOf(recorder).outputPercentileDistribution(TICKS, UNITS_PER_US);
}
