/** Percentile distributions in files that the HdrHistogram tools plot. */
import { decodeHistogram, percentileDistribution } from "../result/hdr.ts";
import type { StressResult } from "../result/result.ts";

export interface HgrmFile {
  readonly path: string;
  readonly text: string;
}

/**
 * The files of a result: the latencies from the real send go to `path`; in an open loop those from the
 * scheduled send go to a second one, with "-corrected" before the extension. A file thus always holds
 * the same kind of latency, whatever the run was. Values are in microseconds.
 */
export function hgrmFiles(result: StressResult, path: string): HgrmFile[] {
  const { latency, latency_corrected: corrected } = result.histograms;
  const files = [{ path, text: percentileDistribution(decodeHistogram(latency)) }];
  if (corrected !== null) {
    const text = percentileDistribution(decodeHistogram(corrected));
    files.push({ path: insertBeforeExtension(path, "-corrected"), text });
  }
  return files;
}

/** "a/b.hgrm" and "-x" are "a/b-x.hgrm"; without an extension it comes at the end. */
export function insertBeforeExtension(path: string, addition: string): string {
  const [, before, extension] = /^(.*?[^/\\])(\.[^./\\]*)?$/s.exec(path) ?? ["", path, ""];
  return `${before}${addition}${extension ?? ""}`;
}
