/** Percentile distributions in files that the HdrHistogram tools plot. */
import { build } from "hdr-histogram-js";
import { latenciesOf } from "../result/histograms.ts";
import { HIGHEST, type Recorder } from "../result/recorder.ts";
import type { StressResult } from "../result/result.ts";

/** Reporting points for each halving of the distance to 100 %, as the other tools print them. */
const TICKS = 5;
const UNITS_PER_US = 10;

/**
 * The files of a result: the latencies from the real send go to `path`; in an open loop those from the
 * scheduled send go to a second one, with "-corrected" before the extension. A file thus always holds
 * the same kind of latency, whatever the run was. Values are in microseconds; those of messages that were never
 * answered are the longest.
 */
export function hgrmFiles(result: StressResult, path: string): { path: string; text: string }[] {
  const files = [{ path, text: percentileDistribution(latenciesOf(result, "latency")!) }];
  const corrected = latenciesOf(result, "latency_corrected");
  if (corrected) {
    const text = percentileDistribution(corrected);
    files.push({ path: insertBeforeExtension(path, "-corrected"), text });
  }
  return files;
}

function percentileDistribution(recorder: Recorder): string {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST,
    numberOfSignificantValueDigits: 3,
    autoResize: true,
    bitBucketSize: 64, // doubles, which count up to 2^53
  });
  for (const [units, count] of recorder.units()) histogram.recordValueWithCount(units, count);
  return histogram.outputPercentileDistribution(TICKS, UNITS_PER_US);
}

/** "a/b.hgrm" and "-x" are "a/b-x.hgrm"; without an extension it comes at the end. */
export function insertBeforeExtension(path: string, addition: string): string {
  const [, before, extension] = /^(.*?[^/\\])(\.[^./\\]*)?$/s.exec(path) ?? ["", path, ""];
  return `${before}${addition}${extension ?? ""}`;
}
